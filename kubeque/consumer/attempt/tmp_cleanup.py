"""Remove files that commands leave outside of their working directory, in folders that only this container uses."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from kubeque.files.mounts import is_on_mount, remove_tree

log = logging.getLogger(__name__)


class StrayFiles:
    """Removes the files that commands create in some folders. Files that exist at the start are kept.

    A file in /dev/shm uses memory, and a file in /tmp uses disk. This use would count against the limits of the next
    task.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._kept = {folder: frozenset(_names(folder)) for folder in folders}

    def remove(self) -> None:
        """Remove each file and folder that did not exist at the start. Ignore those that cannot be removed."""
        for folder, kept in self._kept.items():
            for name in _names(folder):
                if name not in kept:
                    _remove(folder / name)


def own_folders(folders: Iterable[Path], root: Path = Path("/")) -> list[Path]:
    """Return the folders among `folders` that are in the file system of the container itself.

    A mounted folder is not returned, because other containers may use it too. `root`: root of the container.
    """
    with suppress(OSError):
        device = os.stat(root).st_dev
        there = [folder for folder in folders if folder.is_dir() and not is_on_mount(folder)]
        return [folder for folder in there if os.stat(folder).st_dev == device]
    return []


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for problem in remove_tree(path, after_task=True):
            log.warning("not removed: %s", problem)
    else:
        with suppress(OSError):
            path.unlink()
