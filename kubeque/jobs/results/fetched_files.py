"""Record size and time of fetched files on this machine, compare the files with the manifest, and delete them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from kubeque.files.safe_paths import inside
from kubeque.files.sha256 import sha256_file
from kubeque.jobs.results.result_manifest import ResultFile
from kubeque.model.errors import FileError

#: Size in bytes and modification time in ns of a fetched file; None if the file cannot be read.
Trace = tuple[int, int] | None


def trace_of(path: Path) -> Trace:
    with suppress(OSError):
        status = os.lstat(path)
        return status.st_size, status.st_mtime_ns
    return None


def read_trace(stored: Any) -> Trace:
    """Return a trace from its entry in a journal. Additional items are ignored. Raises ValueError, TypeError."""
    size, time, *_ = stored
    return size, time


def is_copy(path: Path, file: ResultFile) -> bool:
    """True if the file at `path` is a regular file with the content of `file`.

    False if the content cannot be compared, because the digest of a stored file is not recorded.
    """
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_size != file.size:
            return False
        if not file.url:
            return path.read_bytes() == file.text
        return bool(file.digest) and sha256_file(path) == file.digest
    except (OSError, FileError):
        return False


def make_executable(path: Path) -> None:
    """Make a file executable for each user that may read the file."""
    mode = os.stat(path).st_mode
    os.chmod(path, stat.S_IMODE(mode | (mode & 0o444) >> 2))


def names_below(folder: Path) -> list[str]:
    """Return the names of the files below a folder, relative to the folder, in no particular order."""
    found = []
    for at, _, names in os.walk(folder):
        below = os.path.relpath(at, folder)
        found += [name if below == "." else f"{below}/{name}" for name in names]
    return found


def delete_files(folder: Path, names: Iterable[str]) -> None:
    """Delete the files `names` below `folder`, and the folders below `folder` that become empty."""
    for name in list(names):
        path = inside(folder, name)
        with suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):
            path.unlink()
        while (path := path.parent) != folder:
            try:
                path.rmdir()
            except OSError:
                break
