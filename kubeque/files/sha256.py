"""Compute the SHA-256 of files."""

from __future__ import annotations

import hashlib
import os
import threading

from kubeque.files.stores.errors import translate_error
from kubeque.files.transfer_progress import Stopped

#: Number of bytes that are read at once.
_PIECE = 1 << 18


def sha256_file(path: str | os.PathLike[str], stopped: threading.Event | None = None) -> str:
    """Return the SHA-256 (hex) of a file of this machine. Raises FileError, StorageError.

    `stopped`: event after which the function raises Stopped; None: no event.
    """
    return sha256_and_size(path, stopped)[0]


def sha256_and_size(path: str | os.PathLike[str], stopped: threading.Event | None = None) -> tuple[str, int]:
    """Return the SHA-256 (hex) and the size (bytes) of a file of this machine. Reads the file once.

    The argument `stopped` and the errors are those of `sha256_file`.
    """
    digest, total, piece = hashlib.sha256(), 0, memoryview(bytearray(_PIECE))
    try:
        with open(path, "rb", buffering=0) as file:
            while size := file.readinto(piece):
                if stopped is not None and stopped.is_set():
                    raise Stopped
                digest.update(piece[:size])
                total += size
        return digest.hexdigest(), total
    except (OSError, ValueError) as error:
        raise translate_error("read", os.fspath(path), error, local=True) from error
