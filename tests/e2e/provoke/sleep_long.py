"""Takes an hour: with --timeout 5s cause `timeout`."""

import time

time.sleep(3600)
