"""Write files for the user, on this machine or in a store: complete under their names, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from kubeque.files.store import Files
from kubeque.files.stores.local import put
from kubeque.files.urls import is_folder, local_path
from kubeque.model.errors import DestinationError, StorageError


def write_file(files: Files, dest: str | os.PathLike[str], fill: Callable[[BinaryIO], object]) -> None:
    """Write the bytes that `fill` writes to `dest`, a path or a URL. Raises DestinationError, StorageError."""
    dest = os.fspath(dest)
    try:
        if is_folder(dest):
            put(local_path(dest), fill)
            return
        with tempfile.NamedTemporaryFile(prefix="kubeque-") as file:
            fill(cast(BinaryIO, file))
            file.flush()
            files.upload(file.name, dest)
    except OSError as error:
        raise DestinationError(f"{dest} cannot be written: {error.strerror}: choose another -o") from error


def write_local(path: Path, data: bytes) -> None:
    """Write a file of this machine; make missing folders. Raises StorageError."""
    try:
        put(str(path), lambda file: file.write(data))
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}") from error
