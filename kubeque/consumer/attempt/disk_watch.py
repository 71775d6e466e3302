"""Watch the disk use of a running command. After a failure, find out whether the disk was full."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from kubeque.files.live_log import read_tail
from kubeque.files.mounts import mount_points

#: Share of the disk limit at which a command is stopped. At the whole limit, Kubernetes would evict the pod.
_SHARE = 0.95
#: Shortest time between two measurements (seconds), and largest share of a core that measurements may use.
_STEP, _COST_SHARE = 1.0, 0.05
#: A disk counts as full if less than this number of bytes and less than this share of its size are free.
_LEFT_BYTES, _LEFT_SHARE = 64 << 20, 0.01
_SAID = re.compile(r"no space left on device|\bENOSPC\b|disk quota exceeded", re.IGNORECASE)


class DiskWatch:
    """Measures the total size of the folders to which a command writes."""

    def __init__(self, folders: Sequence[Path], limit: int) -> None:
        """`limit`: disk limit of the task for the total size of the folders, bytes."""
        self._folders = folders
        self._limit = limit
        #: Largest total size that was measured, bytes.
        self.peak = 0
        #: Time of the next measurement, seconds of the monotonic clock.
        self.due = 0.0

    def sample(self) -> bool:
        """Measure the folders once. Return True if they fill at least the share _SHARE of the limit."""
        began = time.thread_time()
        used = sum(map(usage, self._folders))
        self.peak = max(self.peak, used)
        self.due = time.monotonic() + max(_STEP, (time.thread_time() - began) / _COST_SHARE)
        return used >= self._limit * _SHARE

    @property
    def limit(self) -> int:
        return self._limit


def usage(folder: Path) -> int:
    """Return the space that a folder uses on its disk, bytes. File systems that are mounted in the folder do not count.

    The result is an estimate, because files may change while the folder is read.
    """
    root = os.path.realpath(folder)
    total, todo, mounts = 0, [root], frozenset(mount_points(root))
    seen: set[int] = set()
    while todo:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    if entry.path not in mounts:
                        total += _size(entry, todo, seen)
        except OSError:
            continue  # the folder was removed, or cannot be read
    return total


def _size(entry: os.DirEntry[str], todo: list[str], seen: set[int]) -> int:
    try:
        status = entry.stat(follow_symlinks=False)
        if entry.is_dir(follow_symlinks=False):
            todo.append(entry.path)
    except OSError:
        return 0
    if status.st_nlink > 1:  # the disk holds a linked input only once
        if status.st_ino in seen:
            return 0
        seen.add(status.st_ino)
    return status.st_blocks * 512


def was_full(stderr: Path | int, folder: Path) -> str:
    """Return the evidence that the disk was full when a command failed; empty without evidence.

    `stderr`: file with the standard error of the command. `folder`: a folder on the disk.
    """
    if isinstance(stderr, Path) and (said := _SAID.search(read_tail(stderr).text)):
        return f"it said: {said[0]}"
    try:
        disk = os.statvfs(folder)
    except OSError:
        return ""
    left, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    return "the disk was full" if left < min(_LEFT_BYTES, max(size * _LEFT_SHARE, 1)) else ""
