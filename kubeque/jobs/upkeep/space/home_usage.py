"""The space that the home folder of this machine uses, by kind of data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

from kubeque.clusters.open import home_folders
from kubeque.files.inputs.cache_folder import CACHE, REPLAY_CACHE
from kubeque.files.mounts import mount_points
from kubeque.files.urls import is_folder, local_path
from kubeque.model.config.config import Config

#: The kinds of data in a home folder, in the order in which they are shown.
RESULTS, INPUTS, CACHED, WORK, ENVIRONMENTS, OTHER = KINDS = (
    "results", "inputs", "cached inputs", "working directories", "environments", "queue and logs",
)  # fmt: skip


def measure_home(config: Config) -> dict[str, int]:
    """Return the bytes in the home folder for each of KINDS. Links and mounts below the folder are not followed."""
    top = os.path.realpath(config.home)
    work, environments = home_folders(top)
    kinds = {work: WORK, environments: ENVIRONMENTS, os.path.join(top, REPLAY_CACHE): CACHED}
    for url, kind in ((config.default_url_prefix, RESULTS), (config.cas_url_prefix, INPUTS)):
        if is_folder(url):
            kinds[os.path.realpath(local_path(url))] = kind
    sizes, counted, mounts = dict.fromkeys(KINDS, 0), set[int](), set(mount_points(top))
    waiting = [(top, OTHER)]
    while waiting:
        folder, kind = waiting.pop()
        for entry in _entries(folder):
            with suppress(OSError):  # another process has deleted the file
                if not entry.is_dir(follow_symlinks=False):
                    sizes[kind] += _size(entry, counted)
                elif entry.path not in mounts:
                    waiting.append((entry.path, _kind(entry.path, kind, work, kinds)))
    return sizes


def _kind(path: str, above: str, work: str, kinds: dict[str, str]) -> str:
    """Return the kind of data in the folder at `path`. `above`: kind of the folder that contains it."""
    is_cache = os.path.basename(path) == CACHE and os.path.dirname(os.path.dirname(path)) == work
    return CACHED if is_cache else kinds.get(path, above)


def _size(entry: os.DirEntry[str], counted: set[int]) -> int:
    """Return the size of a file in bytes; 0 for a further link to a file in `counted`, which gets its inode number."""
    status = entry.stat(follow_symlinks=False)
    if status.st_nlink > 1:
        if status.st_ino in counted:
            return 0
        counted.add(status.st_ino)
    return status.st_size


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(folder) as entries:
        yield from entries
