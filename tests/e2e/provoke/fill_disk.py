"""Writes 60 MB: with --disk 40Mi cause `disk`, then ok with twice as much."""

import os
import time

with open("big", "wb") as file:
    for _ in range(60):
        file.write(os.urandom(1 << 20))
        file.flush()
        os.fsync(file.fileno())
time.sleep(3)
os.unlink("big")
