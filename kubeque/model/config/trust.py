"""Check that no other user could have written the configuration file in the current folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from kubeque.model.errors import ConfigError


def check_trusted(path: Path) -> None:
    """Raise ConfigError if a different user, except root, owns the file or its folder, or can write to one of them.

    The file determines the queue, the store and the cluster. So another user with write access to the file could start
    pods with the rights of this user. Two kinds of folders are accepted nevertheless: sticky folders such as /tmp, and
    folders to which a group can write. If another user replaces the file in such a folder, the new file belongs to that
    user and is refused.
    """
    for checked in (path, path.parent):
        try:
            status = checked.stat()
        except OSError as error:
            raise ConfigError(f"{checked} cannot be read ({error.strerror}): name a readable file") from error
        if status.st_uid not in (os.geteuid(), 0):
            raise _untrusted(path, f"{checked} belongs to another user (uid {status.st_uid})")
        sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        by_group = stat.S_ISREG(status.st_mode) and status.st_mode & stat.S_IWGRP and status.st_gid != os.getegid()
        if by_group or (status.st_mode & stat.S_IWOTH and not sticky):
            raise _untrusted(path, f"other users may write to {checked}")


def _untrusted(path: Path, why: str) -> ConfigError:
    return ConfigError(f"{path} is not read, because {why}: name the file with --config if you trust it, or remove it")
