"""Paths as a user writes them. `~` means the home folder, and a relative path starts at the current folder."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from kubeque.model.errors import UserError

#: Maximum size in bytes of a configuration file, a list of files or a pod template. Real files are much smaller.
MAX_TEXT_BYTES = 32 << 20


def current_folder() -> Path:
    """Return the current folder. Raises UserError if it was deleted."""
    try:
        return Path.cwd()
    except OSError as error:
        raise UserError(f"the current folder is gone ({error.strerror}): change to a folder that exists") from error


def expand_home(path: str | os.PathLike[str]) -> str:
    """Return a path with the home folder in place of a leading `~`. Return any other path or URL unchanged.

    Raises UserError if the user has no home folder. Otherwise files would be written to a folder with the name `~`,
    which is hard to find and to delete.
    """
    text = os.fspath(path)
    expanded = os.path.expanduser(text)
    if expanded == "~" or expanded.startswith("~/"):
        raise UserError(f"{text!r}: this user has no home folder: set HOME, or write the whole path")
    return expanded


def read_text_file(path: Path) -> str:
    """Return the text of a small UTF-8 file or of a pipe. All line ends become LF. Raises OSError, UnicodeDecodeError.

    Also raises OSError if the file has more than MAX_TEXT_BYTES bytes, because a device such as /dev/zero has no end.
    """
    with path.open("rb") as file:
        data = file.read(MAX_TEXT_BYTES + 1)
    if len(data) > MAX_TEXT_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
