"""Write files for the user, on this machine or in a store. A file appears only after it is complete."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from kubeque.files.store import Files
from kubeque.files.stores.errors import translate_error
from kubeque.files.stores.local import put
from kubeque.files.urls import is_folder, local_path
from kubeque.model.errors import DestinationError, StorageError, StoreUnavailable


def check_file(files: Files, dest: str | os.PathLike[str]) -> None:
    """Raise DestinationError if `dest`, a path or a URL, cannot be written. Raises StorageError.

    Call this before you compute the contents for `write_file`, because the computation may take long.
    """
    dest = os.fspath(dest)
    if not is_folder(dest):
        check_prefix(files, dest.rpartition("/")[0])
        return
    path = local_path(dest)
    with _writes(dest):
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not _is_special(path):
            check_folder(Path(path).parent)


def check_prefix(files: Files, url: str) -> None:
    """Raise DestinationError if files below a URL cannot be written.

    Raises StorageError if the store does not answer.
    """
    try:
        files.check_writable(url)
    except StorageError as error:
        if isinstance(error.__cause__, StoreUnavailable):
            raise
        raise DestinationError(str(error)) from error


def check_folder(folder: Path) -> None:
    """Raise OSError if no file can be created in a folder. A missing folder is created for this check, and removed."""
    missing = [part for part in (folder, *folder.parents) if not os.path.lexists(part)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"1")
    finally:
        for part in missing:
            with suppress(OSError):
                part.rmdir()


def write_file(files: Files, dest: str | os.PathLike[str], fill: Callable[[BinaryIO], object]) -> None:
    """Write a file to `dest`, a path or a URL. `fill`: function that writes the contents to an open file.

    If `dest` is a pipe or a device, it is not replaced by a file, but gets the contents. Raises DestinationError,
    StorageError.
    """
    dest = os.fspath(dest)
    with _writes(dest):
        if is_folder(dest) and not _is_special(local_path(dest)):
            put(local_path(dest), fill)
            return
        with tempfile.NamedTemporaryFile(prefix="kubeque-") as file:
            with uses_temporary_files():
                fill(cast(BinaryIO, file))
                file.flush()
            if not is_folder(dest):
                files.upload(file.name, dest)
                return
            file.seek(0)
            with open(local_path(dest), "wb") as special:
                shutil.copyfileobj(file, special)


def _is_special(path: str) -> bool:
    """True if a path exists and is neither a file nor a folder. Links such as /dev/stdout are followed."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


@contextmanager
def _writes(dest: str) -> Iterator[None]:
    """Convert errors of the file system in the `with` block to DestinationError. `dest`: file that the block writes."""
    try:
        yield
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise DestinationError(f"{dest} cannot be written: {why}: choose another file") from error


@contextmanager
def uses_temporary_files() -> Iterator[None]:
    """Convert errors of the file system in the `with` block to StorageError. The block uses only temporary files."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"temporary files cannot be written to {_temporary_folder()}: {error.strerror}: make room there, or set"
            " TMPDIR to another folder"
        ) from error


def _temporary_folder() -> str:
    try:
        return tempfile.gettempdir()
    except OSError:  # no folder for temporary files can be written
        return os.environ.get("TMPDIR") or "/tmp"


def write_local(path: Path, data: bytes) -> None:
    """Write a file of this machine atomically, and make missing folders. Raises StorageError."""
    try:
        put(str(path), lambda file: file.write(data))
    except (OSError, ValueError) as error:
        raise translate_error("write", str(path), error, local=True) from error
