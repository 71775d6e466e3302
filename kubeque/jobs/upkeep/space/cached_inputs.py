"""Delete cached copies of inputs on this machine that no job needs.

Each slot of a consumer has a cache, and `kubeque replay` has another one. A cached copy can be deleted at any time,
also while a consumer runs: if a task needs the input, its consumer fetches the input again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress

from kubeque.clusters.open import slot_folders
from kubeque.files.inputs.cache_folder import CACHE, INCOMING, REPLAY_CACHE, CachedFile, cached_files
from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.space.spec_inputs import needed_digests

log = logging.getLogger(__name__)


def find_cached(backends: Backends, wanted: Callable[[CachedFile], bool], *, remove: bool = False) -> list[CachedFile]:
    """Return the files of caches on this machine for which `wanted` returns True. If `remove`, also delete them.

    Partial files are included only if no consumer uses the cache. Links and mounts are not followed. A file that cannot
    be deleted is logged and not returned.
    """
    return [
        file for files in _cached(backends) for file in files if wanted(file) and (not remove or _delete(file.path))
    ]


def _cached(backends: Backends) -> Iterator[list[CachedFile]]:
    """Yield the complete files of each cache, and the partial files of each slot without a consumer."""
    config = backends.config
    for root, name, _ in list(slot_folders(config)):
        yield cached_files(root, os.path.join(name, CACHE))
    for root, name, free in slot_folders(config):
        if free:  # the lock of the slot is held, so nobody continues the download
            yield cached_files(root, os.path.join(name, CACHE, INCOMING))
    yield cached_files(config.home, REPLAY_CACHE)


def _delete(path: str) -> bool:
    """Delete a file. Return False, and log the reason, if it cannot be deleted."""
    try:
        with suppress(FileNotFoundError):  # its consumer has just evicted it
            os.unlink(path)
    except OSError as error:
        log.warning("%s cannot be deleted: %s", path, error.strerror)
        return False
    return True


def free_cached(backends: Backends, digests: Collection[str]) -> None:
    """Delete the cached copies of the inputs with these digests, except inputs that a job of the queue needs."""
    if present := {file.digest for file in find_cached(backends, lambda file: file.digest in digests)}:
        unneeded = present - needed_digests(backends, present)
        find_cached(backends, lambda file: file.digest in unneeded, remove=True)
