"""A file that a command was told to write: whole under its name, or not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from kubeque.files.folder import put
from kubeque.model.errors import DestinationError


def write_file(dest: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Make the file `dest` from what `fill` writes. Raises DestinationError."""
    try:
        put(str(dest), fill)
    except OSError as error:
        raise DestinationError(f"{dest} cannot be written: {error.strerror}: choose another -o") from error
