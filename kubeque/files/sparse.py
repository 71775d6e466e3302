"""Find the holes of sparse files. A hole is a part of a file that uses no space on the disk. It is read as zeros."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

#: Size of the unit of `st_blocks`, bytes.
_BLOCK_BYTES = 512


def may_have_holes(status: os.stat_result) -> bool:
    """True if a regular file uses less space than its size: it has holes, or the file system compresses it."""
    return stat.S_ISREG(status.st_mode) and status.st_blocks * _BLOCK_BYTES < status.st_size


def hole_bytes(path: Path, status: os.stat_result, least: int) -> int:
    """Return the total size of the holes in a file, bytes; 0 if it is less than `least`. `status`: stat of the file.

    Raises OSError.
    """
    if status.st_size - status.st_blocks * _BLOCK_BYTES < least:
        return 0
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        holes = status.st_size - sum(end - start for start, end in _data(fd, status.st_size))
    finally:
        os.close(fd)
    return holes if holes >= least else 0


def _data(fd: int, size: int) -> list[tuple[int, int]]:
    """Return the start and the end of each part of an open file that has data, in order. `size`: size of the file."""
    parts: list[tuple[int, int]] = []
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole follows
                break
            raise
        at = os.lseek(fd, start, os.SEEK_HOLE)
        parts.append((start, at))
    return parts
