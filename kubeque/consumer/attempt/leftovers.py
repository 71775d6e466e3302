"""What commands leave outside of their working directory, in folders that are this container's alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


class Leftovers:
    """Remembers what was there at the start; what came since can be removed.

    A file in /dev/shm is memory that outlives its program, one in /tmp is disk: each would count against the next task.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._kept = {folder: frozenset(_names(folder)) for folder in folders}

    def remove(self) -> None:
        """Remove what came since; what cannot be removed stays."""
        for folder, kept in self._kept.items():
            for name in _names(folder):
                if name not in kept:
                    _remove(folder / name)


def own_folders(folders: Iterable[Path], root: Path = Path("/")) -> list[Path]:
    """Those that lie in the container's own layer: what is mounted there may be others' as well."""
    with suppress(OSError):
        device = os.stat(root).st_dev
        return [folder for folder in folders if folder.is_dir() and os.stat(folder).st_dev == device]
    return []


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
