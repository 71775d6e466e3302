"""The home folder of kubeque on this machine. Only this user can read the folder."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from kubeque.model.config.trust import find_home_danger
from kubeque.model.errors import ClusterError, ConfigError


def open_private(path: str, flags: int) -> int:
    """Open a file and return its descriptor. If the file is new, only this user can read it.

    Pass this function to `open` as its `opener`.
    """
    return os.open(path, flags, 0o600)


def make_home(home: Path) -> None:
    """Create the home folder, readable only by this user, because it contains commands and results.

    Raises ConfigError if the folder cannot be created or used, or if other users can change its files.
    """
    remedy = "set KUBEQUE_HOME to a folder of your own"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"the folder {home} cannot be made ({error.strerror}): {remedy}") from error
    if danger := find_home_danger(home):
        own = "change its mode to 0700, or " if home.stat().st_uid == os.geteuid() else ""
        raise ConfigError(f"the folder {home} is not used, because {danger}: {own}{remedy}")
    if os.statvfs(home).f_flag & os.ST_RDONLY:
        raise ConfigError(f"the folder {home} is on a read-only disk: make the disk writable, or {remedy}")
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigError(f"the folder {home} belongs to {_owner(home)}, and you may not use this folder: {remedy}")


def _owner(folder: Path) -> str:
    try:
        return folder.owner()
    except (OSError, KeyError):
        return "another user"


def has_key_since(folder: Path, at: float) -> bool:
    """True if the key of `folder` existed at `at`, a Unix time in seconds.

    The key of a home folder that was deleted and created again is newer.
    """
    try:
        return (folder / "key").stat().st_mtime <= at
    except OSError:
        return False


def home_key(folder: Path) -> bytes:
    """Return the key of `folder`: random bytes in a file. Create the file if it is missing. Raises ClusterError."""
    path = folder / "key"
    with suppress(OSError):
        return path.read_bytes()
    partial = path.with_name(f"key.{secrets.token_hex(4)}")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(partial, "xb", opener=open_private) as file:
            file.write(secrets.token_bytes(32))
        try:
            os.link(partial, path)  # if two processes create a key, both use the first key
        except FileExistsError:
            pass
        finally:
            partial.unlink()
        return path.read_bytes()
    except OSError as error:
        raise ClusterError(f"{folder} cannot be used: {error.strerror}") from error
