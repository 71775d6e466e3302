"""A file that a command was told to write, here or in a store: whole under its name, or not there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import BinaryIO, cast

from kubeque.files.store import Files
from kubeque.files.stores.local import put
from kubeque.files.urls import is_folder, local_path
from kubeque.model.errors import DestinationError


def write_file(files: Files, dest: str | os.PathLike[str], fill: Callable[[BinaryIO], object]) -> None:
    """Make the file `dest`, a path or a URL, from what `fill` writes. Raises DestinationError, StorageError."""
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
