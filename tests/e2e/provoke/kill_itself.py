"""Sends itself SIGKILL: cause `signal`, not `oom`, though both look alike from outside."""

import os
import signal

os.kill(os.getpid(), signal.SIGKILL)
