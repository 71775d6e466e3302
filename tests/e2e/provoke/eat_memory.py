"""Needs 100 MB for two seconds: with --memory 64Mi cause `oom`, then ok with twice as much."""

import time

held = bytearray(100_000_000)
for at in range(0, len(held), 4096):
    held[at] = 1
# A task's limit is kept by polling: what is over it for some milliseconds only may pass unseen.
time.sleep(2)
