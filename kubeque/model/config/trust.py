"""Check that no other user could have written the configuration file in the current folder.

After `kubeque trust FOLDER`, the file in the folder is read nevertheless, until its contents change.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

from kubeque.model.errors import ConfigError
from kubeque.model.user_paths import read_text_file

#: Name of the file in $KUBEQUE_HOME that contains the SHA-256 of each trusted file, by path.
_TRUSTED = "trusted.json"


def check_trusted(path: Path, data: Path) -> None:
    """Raise ConfigError if another user, except root, owns the file or its folder, or can write to one of them.

    The file determines the queue, the store and the cluster. So another user with write access to the file could start
    pods with the rights of this user. `data`: $KUBEQUE_HOME; a file that is listed there as trusted is accepted.

    Sticky folders such as /tmp, and folders to which a group can write, are accepted. If another user replaces the file
    in such a folder, the new file belongs to that user, and is refused.
    """
    why = _find_danger(path)
    if why and _read_digests(data).get(str(path)) != _digest(path):
        raise ConfigError(
            f"{path} is not read, because {why}: check the file and run `kubeque trust {path.parent}`, give the file"
            " with --config, or remove the file"
        )


def trust(path: Path, data: Path) -> str:
    """Trust the present contents of a configuration file, and return their SHA-256. Raises ConfigError.

    `data`: $KUBEQUE_HOME, where the SHA-256 is stored.
    """
    digest = _digest(path)
    kept, file = {**_read_digests(data), str(path): digest}, data / _TRUSTED
    partial = data / f"{_TRUSTED}.{os.getpid()}"
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as writer:
            json.dump(kept, writer, indent=1)
        partial.replace(file)
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be written ({error.strerror}): set KUBEQUE_HOME to your own folder"
        ) from error
    return digest


def find_home_danger(home: Path) -> str:
    """Return the reason why another user, except root, can change files in a folder; empty if no other user can.

    `home`: $KUBEQUE_HOME.
    """
    return _check(home, folder=False)


def _find_danger(path: Path) -> str:
    return _check(path, folder=False) or _check(path.parent, folder=True)


def _check(path: Path, *, folder: bool) -> str:
    """Return the reason why another user, except root, can change a path; empty if no other user can.

    `folder`: True to accept a sticky folder, and a folder to which a group can write. Raises ConfigError.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): give a file that this user can read") from error
    if status.st_uid not in (os.geteuid(), 0):
        return f"{path} belongs to another user (uid {status.st_uid})"
    by_group = status.st_mode & stat.S_IWGRP and status.st_gid != os.getegid() and not folder
    by_all = status.st_mode & stat.S_IWOTH and not (folder and status.st_mode & stat.S_ISVTX)
    return f"other users may write to {path}" if by_group or by_all else ""


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(read_text_file(path).encode()).hexdigest()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error}): give a file that this user can read") from error


def _read_digests(data: Path) -> dict[str, str]:
    """Return the SHA-256 of each trusted file, by path. Ignore a list that another user can change."""
    file = data / _TRUSTED
    try:
        if _find_danger(file):
            return {}
        found = json.loads(read_text_file(file))
    except (ConfigError, OSError, ValueError):
        return {}
    return {str(path): str(digest) for path, digest in found.items()} if isinstance(found, dict) else {}
