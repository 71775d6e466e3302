"""Check file names that come from outside of kubeque. A name must not lead out of its folder."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path, PurePosixPath

from kubeque.model.errors import FileRefused
from kubeque.model.text import cut

_DRIVE = re.compile(r"[A-Za-z]:")
#: Characters that some systems do not allow in a file name.
_SPECIAL = frozenset('/\\:*?"<>|')
#: Maximum length of a part of a path that is made from a value, bytes. File systems allow 255 bytes, some allow fewer.
_PART_BYTES = 240
#: Maximum length of the suffix of a name that is kept when the name is cut, bytes.
_SUFFIX_BYTES = 20


def path_part(text: str) -> str:
    """Return a text as one part of a path that never leads out of its folder. The text stays readable.

    Each unsafe character, and a dot or dash at the start, is replaced by `%` and hexadecimal digits. A long text is cut
    and gets a digest, so that different texts give different parts.
    """
    safe = "".join(map(_encode, text))
    if safe[:1] in (".", "-"):
        safe = f"%{ord(safe[0]):02X}{safe[1:]}"
    if len(safe.encode()) > _PART_BYTES:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        suffix = PurePosixPath(safe).suffix
        suffix = suffix if len(suffix.encode()) <= _SUFFIX_BYTES else ""
        kept = safe.encode()[: _PART_BYTES - len(digest) - len(suffix.encode()) - 1].decode(errors="ignore")
        safe = f"{kept}-{digest}{suffix}"
    return safe or "_"


def _encode(char: str) -> str:
    if char.isprintable() and char not in _SPECIAL:
        return char
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))


def safe_name(name: str) -> PurePosixPath:
    """Return `name` as a relative path without `..`.

    Raises FileRefused if `name` is empty or absolute, or if it has `..`, `.`, an empty part, NUL, a backslash or a
    drive.
    """
    parts = name.split("/")
    if not name:
        wrong = "it is empty"
    elif "\0" in name:
        wrong = "it has a NUL"
    elif name.startswith("/"):
        wrong = "it is absolute"
    elif ".." in parts:
        wrong = "it has '..'"
    elif "." in parts or "" in parts:
        wrong = "it has an empty part or '.'"
    elif "\\" in name:
        wrong = "it has a backslash"
    elif _DRIVE.match(name):
        wrong = "it begins like a drive letter"
    else:
        return PurePosixPath(name)
    raise FileRefused(
        f"the file name {cut(name)!r} is not safe: {wrong}; use a plain relative name, for example a/b.txt"
    )


def inside(folder: Path, name: str) -> Path:
    """Return the path of `name` below `folder`.

    Raises FileRefused if the name is unsafe, or if a symbolic link on the path leads out of `folder`.
    """
    path = folder
    for part in safe_name(name).parts:
        path = path / part
        # One lstat for each part: to resolve the whole path each time would take ten times as long.
        if os.path.islink(path):
            _check_link(folder, path, name)
    return path


def _check_link(folder: Path, link: Path, name: str) -> None:
    real, root = os.path.realpath(link), os.path.realpath(folder)
    if os.path.commonpath([real, root]) != root:
        raise FileRefused(
            f"the file name {cut(name)!r} is not safe: {link} is a symbolic link to {real}, outside {folder}; "
            "remove the link"
        )
