"""A folder as a store, in plain system calls: the way of every small file on one machine, so it has to be quick."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, TypeVar

from kubeque.files.stores.errors import refused
from kubeque.files.urls import local_path
from kubeque.model.errors import StorageError

R = TypeVar("R")

CHUNK_BYTES = 1 << 20
_TEMPORARY = ".kubeque-", ".tmp"


def temporary_name() -> str:
    """A name that nobody has. Listings leave out what a killed process left under one."""
    return secrets.token_hex(8).join(_TEMPORARY)


def is_temporary(name: str) -> bool:
    base = name.rpartition("/")[2]
    return base.startswith(_TEMPORARY[0]) and base.endswith(_TEMPORARY[1])


class Folder:
    """Files below folders of this machine, or of a disk that several machines mount.

    A file is whole under its name or not there at all, also when a process dies. It is not flushed to the disk at
    once (that costs milliseconds a file): a machine that loses its power may lose the last seconds.
    """

    def read(self, url: str) -> bytes:
        with _told("read", url), open(local_path(url), "rb") as file:
            return file.read()

    def read_end(self, url: str, limit: int) -> tuple[int, bytes]:
        with _told("read", url), open(local_path(url), "rb") as file:
            start = max(0, os.fstat(file.fileno()).st_size - limit)
            file.seek(start)
            return start, file.read(limit)

    def write(self, url: str, data: bytes) -> None:
        with _told("write", url):
            put(local_path(url), lambda file: file.write(data))

    def write_new(self, url: str, data: bytes) -> bool:
        path = local_path(url)
        with _told("write", url):
            if os.path.lexists(path):
                return False
            return put(path, lambda file: file.write(data), new=True)

    def upload(self, path: str, url: str, digest: str, progress: Callable[[int], None]) -> None:
        with open_source(path) as source, _told("write", url):
            put(local_path(url), lambda target: copy(source, target, digest, progress))

    def download(self, url: str, file: BinaryIO, size: int | None, digest: str, progress: Callable[[int], None]) -> str:
        with open_source(url) as source:
            copy(source, file, "", progress)
        return ""

    def look(self, url: str) -> tuple[int | None, str, bool]:
        with _told("read", url):
            status = os.stat(local_path(url))
        return status.st_size, f"{status.st_mtime_ns}-{status.st_size}", os.path.isdir(local_path(url))

    def existing(self, prefix: str, names: Iterable[str]) -> set[str]:
        # Asking a folder costs a microsecond a name; listing one that a million files share does not.
        root = local_path(prefix)
        with _told("read", prefix):
            return {name for name in names if os.path.isfile(os.path.join(root, name))}

    def listing(self, prefix: str) -> Iterator[tuple[str, int]]:
        root = local_path(prefix)
        waiting = [""]
        while waiting:
            below = waiting.pop()
            for entry in self._entries(prefix, os.path.join(root, below)):
                name = f"{below}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{name}/")
                elif entry.is_file(follow_symlinks=False) and not is_temporary(name):
                    yield name, self._size(prefix, entry)

    def _size(self, prefix: str, entry: os.DirEntry[str]) -> int:
        with _told("list", prefix):
            return entry.stat(follow_symlinks=False).st_size

    def _entries(self, prefix: str, path: str) -> list[os.DirEntry[str]]:
        with _told("list", prefix):
            try:
                with os.scandir(path) as entries:
                    return list(entries)
            except FileNotFoundError:  # not there yet, or removed while we walk
                return []

    def entries(self, prefix: str) -> Iterator[tuple[str, int, float | None, bool]]:
        for entry in self._entries(prefix, local_path(prefix)):
            if entry.is_dir(follow_symlinks=False):
                yield entry.name, 0, None, True
            elif entry.is_file(follow_symlinks=False) and not is_temporary(entry.name):
                with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                    status = entry.stat(follow_symlinks=False)
                    yield entry.name, status.st_size, status.st_mtime, False

    def delete(self, url: str) -> None:
        with _told("delete", url), contextlib.suppress(FileNotFoundError):
            os.unlink(local_path(url))

    def delete_tree(self, prefix: str, keep: Callable[[str], bool] | None) -> None:
        path = local_path(prefix)
        with _told("delete", prefix):
            if keep is not None:
                _prune(path, keep)
                return
            # Somebody else may delete the same tree: then rmtree meets what has just gone, and begins again.
            while os.path.lexists(path):
                with contextlib.suppress(FileNotFoundError):
                    shutil.rmtree(path)


def _prune(root: str, keep: Callable[[str], bool]) -> None:
    """Remove the files below `root` that are not kept, and the folders that are empty then. Raises OSError."""
    for at, folders, names in os.walk(root, topdown=False):
        links = [name for name in folders if os.path.islink(os.path.join(at, name))]
        for name in [*names, *links]:
            path = os.path.join(at, name)
            if not keep(os.path.relpath(path, root)):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
        with contextlib.suppress(OSError):  # something in it is kept, or has just come
            os.rmdir(at)


def put(path: str, fill: Callable[[BinaryIO], object], *, new: bool = False) -> bool:
    """Make the file `path`, and the folders above it, from what `fill` writes: whole or not at all.

    With `new`, returns False where there was a file already and leaves that alone. Raises OSError.
    """
    file = _temporary_file(os.path.dirname(path))
    try:
        with file:
            fill(file)
        if new:
            return _link(file.name, path)
        os.replace(file.name, path)
        return True
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(file.name)
        raise


def _temporary_file(folder: str) -> BinaryIO:
    """An empty file in `folder`, which is made where it is missing."""
    while True:
        try:
            return open(os.path.join(folder, temporary_name()), "xb")
        except FileNotFoundError:
            # Made only when it turns out to be missing, so there is nothing to remember that could be out of date.
            os.makedirs(folder, exist_ok=True)


def _link(temporary: str, path: str) -> bool:
    try:
        os.link(temporary, path)
        won = True
    except FileExistsError:
        # NFS may answer so when its first answer was lost: our own file then has a second name.
        won = os.stat(temporary).st_nlink > 1
    except OSError as error:
        if error.errno in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise StorageError(
                f"cannot write {path}: its file system has no hard links, so two writers cannot be told apart; "
                "use a folder on another disk, or the object store itself instead of its mount"
            ) from error
        raise
    os.unlink(temporary)
    return won


def open_source(url: str) -> BinaryIO:
    """A file of this machine, to be copied. Raises StorageError, FileMissing."""
    with _told("read", url):
        return open(local_path(url), "rb")


def copy(
    source: BinaryIO,
    target: BinaryIO,
    digest: str,
    progress: Callable[[int], None] = lambda size: None,
    *,
    piece: int = CHUNK_BYTES,
) -> None:
    """Copy the whole of `source`, calling `progress` with the bytes of each piece, and with their sum below zero if
    that fails.

    Raises StorageError where `digest` (SHA-256, hex; empty: any) is not that of the bytes: the file has changed.
    """
    sha256, sent = hashlib.sha256(), 0
    try:
        with ThreadPoolExecutor(1) as beside:  # no thread is started for a small file
            while chunk := source.read(piece):
                hashed = beside.submit(sha256.update, chunk) if digest and len(chunk) == piece else None
                if digest and hashed is None:
                    sha256.update(chunk)
                target.write(chunk)
                if hashed is not None:
                    hashed.result()
                sent += len(chunk)
                progress(len(chunk))
        if digest and sha256.hexdigest() != digest:
            raise StorageError(f"{source.name} changed while it was uploaded: submit again once nothing writes to it")
    except BaseException:
        progress(-sent)
        raise


@contextlib.contextmanager
def _told(verb: str, url: str) -> Iterator[None]:
    try:
        yield
    # A NUL or a lone surrogate in a path is a ValueError.
    except (OSError, ValueError) as error:
        raise refused(verb, url, error) from error
