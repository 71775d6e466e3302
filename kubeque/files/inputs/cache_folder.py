"""The folder of an input cache on this machine: the names of its files, and their deletion by another process.

Any process may delete a complete file of a cache at any time: a consumer that needs the file fetches it again.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from kubeque.files.mounts import is_below, mount_points
from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.spec import Input

#: Folder in the cache for partial files and locks, and the suffix of a lock.
INCOMING, LOCK = "incoming", ".lock"
#: Cache of the consumer of a slot, below its folder for working directories.
CACHE = "cache"
#: Cache of `kubeque replay`, below the home folder.
REPLAY_CACHE = "replay-cache"
#: Names of cached and partial files.
_OURS = re.compile(r"[0-9a-f]{64}(\.x)?(\.[0-9a-f]{8})?$")
#: Length of the digest at the start of these names.
_DIGEST_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A complete or partial file of a cache."""

    path: str
    #: Digest of the input: see `digest_of`.
    digest: str
    bytes: int
    #: Unix time of the last use, seconds.
    used: float


def digest_of(item: Input) -> str:
    """Return the digest by which caches identify an input: the digest of its contents.

    If this digest is unknown, return a digest of the URL and the generation of the input.
    """
    return item.digest or hashlib.sha256(f"{item.url}\0{item.generation}".encode()).hexdigest()


def key_of(item: Input) -> str:
    """Return the name of an input in a cache. An executable input has a name of its own."""
    return f"{digest_of(item)}.x" if item.executable else digest_of(item)


def files_of(folder: str | os.PathLike[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the path and the status of each cached or partial file in a folder. Raises OSError."""
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # another process has just deleted the file
                # If a task has mounted a folder over the cache, other files are here. They must not be removed.
                if _OURS.match(entry.name) and entry.is_file(follow_symlinks=False):
                    yield os.path.join(folder, entry.name), entry.stat(follow_symlinks=False)


def cached_files(root: Path, folder: str) -> list[CachedFile]:
    """Return the cached or partial files in `root`/`folder`. Links and mount points below `root` are not followed.

    `folder`: a cache, which has the complete files, or its folder INCOMING, which has the partial files.
    """
    top = os.path.realpath(root)
    path = os.path.join(top, folder)
    if os.path.realpath(path) == path and not is_below(path, [point for point in mount_points(top) if point != top]):
        with suppress(OSError):  # the folder is missing
            return [_cached_file(file, status) for file, status in files_of(path)]
    return []


def _cached_file(path: str, status: os.stat_result) -> CachedFile:
    # A complete file has a fixed modification time, and its access time is set at each use.
    used = max(status.st_atime, status.st_mtime)
    return CachedFile(path, os.path.basename(path)[:_DIGEST_CHARACTERS], status.st_size, used)
