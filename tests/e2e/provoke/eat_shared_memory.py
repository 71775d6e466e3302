"""Fills /dev/shm, which no kill of a process frees: the whole container dies of memory. Cause `oom`.

Needs more of it than the usual 64 MB: a volume of `emptyDir: {medium: Memory}` at /dev/shm.
"""

import os
import sys
import time

# The first attempt fills what its container has; the next ones, with more memory, do as they should.
if os.environ["KUBEQUE_ATTEMPT"] == "1":
    with open("/dev/shm/held", "wb") as file:
        try:
            while True:
                file.write(bytes(1 << 20))
        except OSError as error:
            sys.exit(f"/dev/shm is too small for this: {error}")
    time.sleep(60)
