"""A folder as a store.

This module uses plain system calls, because it must be fast: it handles every small file on one machine.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, TypeVar

from kubeque.files.content_checks import check_content
from kubeque.files.mounts import remove_files, remove_tree
from kubeque.files.sparse import may_have_holes
from kubeque.files.stores.errors import translate_error
from kubeque.files.urls import local_path
from kubeque.model.errors import FileDamaged, FileRefused, StorageError

R = TypeVar("R")

CHUNK_BYTES = 1 << 20
_TEMPORARY = ".kubeque-", ".tmp"


def temporary_name() -> str:
    """Return a unique name for a temporary file.

    A killed process may leave files with such names, so listings leave them out.
    """
    return secrets.token_hex(8).join(_TEMPORARY)


def is_temporary(name: str) -> bool:
    base = name.rpartition("/")[2]
    return base.startswith(_TEMPORARY[0]) and base.endswith(_TEMPORARY[1])


class Folder:
    """Reads and writes files in folders of this machine, or of a disk that several machines mount.

    A file appears only after it is complete, even if the writing process dies. Files are not flushed to the disk,
    because this takes milliseconds. So a power failure may lose the files of the last seconds.
    """

    def __init__(self, private: str | os.PathLike[str] = "") -> None:
        """`private`: folder below which only this user may read new files, whatever the umask is; "": no folder."""
        self._private = os.path.join(private, "") if private else ""

    def is_private(self, path: str) -> bool:
        """True if only this user may read a new file at this path."""
        return bool(self._private) and path.startswith(self._private)

    def put(self, path: str, fill: Callable[[BinaryIO], object], *, new: bool = False) -> bool:
        """Create a file with the function `put` of this module, and return its result.

        Only this user may read the file if it is in the private folder.
        """
        return put(path, fill, new=new, private=self.is_private(path))

    def read(self, url: str, limit: int) -> bytes:
        with _storage_errors("read", url), _open_stored(url) as file:
            return file.read(min(limit, os.fstat(file.fileno()).st_size) + 1)

    def read_end(self, url: str, limit: int) -> tuple[int, bytes]:
        with _storage_errors("read", url), _open_stored(url) as file:
            start = max(0, os.fstat(file.fileno()).st_size - limit)
            file.seek(start)
            return start, file.read(limit)

    def write(self, url: str, data: bytes) -> None:
        with _storage_errors("write", url):
            self.put(local_path(url), lambda file: file.write(data))

    def write_new(self, url: str, data: bytes) -> bool:
        path = local_path(url)
        with _storage_errors("write", url):
            if os.path.lexists(path):
                return False
            return self.put(path, lambda file: file.write(data), new=True)

    def upload(self, path: str, url: str, digest: str, progress: Callable[[int], None]) -> None:
        with open_source(path) as source, _storage_errors("write", url):
            holes = may_have_holes(os.fstat(source.fileno()))
            self.put(local_path(url), lambda target: copy(source, target, digest, progress, holes=holes))

    def download(self, url: str, file: BinaryIO, size: int | None, digest: str, progress: Callable[[int], None]) -> str:
        with _storage_errors("read", url):
            source = _open_stored(url)
        with source:
            status = os.fstat(source.fileno())
            check_content(url, status.st_size, size, "", "")
            copy(source, file, "", progress, holes=may_have_holes(status), limit=size)
        return ""

    def look(self, url: str) -> tuple[int | None, str, bool]:
        with _storage_errors("read", url):
            status = os.stat(local_path(url))
        return status.st_size, f"{status.st_mtime_ns}-{status.st_size}", os.path.isdir(local_path(url))

    def existing(self, prefix: str, names: Iterable[str]) -> set[str]:
        # Look up each name, which takes a microsecond. A listing takes longer if the folder has a million files.
        root = local_path(prefix)
        with _storage_errors("read", prefix):
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
        with _storage_errors("list", prefix):
            return entry.stat(follow_symlinks=False).st_size

    def _entries(self, prefix: str, path: str) -> list[os.DirEntry[str]]:
        with _storage_errors("list", prefix):
            try:
                with os.scandir(path) as entries:
                    return list(entries)
            except FileNotFoundError:  # the folder does not exist yet, or was removed meanwhile
                return []

    def entries(self, prefix: str) -> Iterator[tuple[str, int, float | None, bool]]:
        for entry in self._entries(prefix, local_path(prefix)):
            if entry.is_dir(follow_symlinks=False):
                yield entry.name, 0, None, True
            elif entry.is_file(follow_symlinks=False) and not is_temporary(entry.name):
                with contextlib.suppress(FileNotFoundError):  # the file was removed meanwhile
                    status = entry.stat(follow_symlinks=False)
                    yield entry.name, status.st_size, status.st_mtime, False

    def delete(self, url: str) -> None:
        with _storage_errors("delete", url), contextlib.suppress(FileNotFoundError):
            os.unlink(local_path(url))

    def delete_tree(self, prefix: str, keep: Callable[[str], bool] | None) -> None:
        path = local_path(prefix)
        with _storage_errors("delete", prefix):
            problems = remove_files(path, keep) if keep is not None else []
            # Repeat: if another process deletes the same tree, the removal ends at a file that does not exist any more.
            while keep is None and not problems and os.path.lexists(path):
                problems = remove_tree(path)
        if problems:
            raise StorageError(f"cannot delete all of {prefix}: {'; '.join(problems)}")

    def delete_empty(self, url: str) -> None:
        with contextlib.suppress(OSError):  # the folder has files, is a mount point or a link, or does not exist
            os.rmdir(local_path(url))


def put(path: str, fill: Callable[[BinaryIO], object], *, new: bool = False, private: bool = False) -> bool:
    """Create the file `path` atomically, and make missing folders. Return True. Raises OSError.

    `fill`: function that writes the contents to an open file. `new`: True to leave an existing file unchanged, and to
    return False in this case. `private`: True to let only this user read the file and the new folders.
    """
    file = _temporary_file(os.path.dirname(path), private=private)
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


def _temporary_file(folder: str, *, private: bool) -> BinaryIO:
    """Create an empty temporary file in `folder`, and return it open for writing. Make the folder if it is missing."""
    opener = _open_private if private else None
    while True:
        try:
            return open(os.path.join(folder, temporary_name()), "xb", opener=opener)
        except FileNotFoundError:
            # Make the folder only after this failure: a check before would cost time, and could be out of date.
            _make_private_folder(folder) if private else _make_folder(folder)


def _make_folder(folder: str) -> None:
    """Create a folder and its missing parents. Try twice: another process may delete an empty parent during a try."""
    try:
        os.makedirs(folder, exist_ok=True)
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _make_private_folder(folder: str) -> None:
    """Create a folder and its missing parents, readable only for this user.

    os.makedirs is not used, because it sets the mode of the last folder only.
    """
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    except FileNotFoundError:
        _make_private_folder(os.path.dirname(folder))
        _make_private_folder(folder)


def _link(temporary: str, path: str) -> bool:
    try:
        os.link(temporary, path)
        won = True
    except FileExistsError:
        # NFS may report this error if its first answer was lost. Then this call made the link, and the file has two
        # names.
        won = os.stat(temporary).st_nlink > 1
    except OSError as error:
        if error.errno in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise StorageError(
                f"cannot write {path}: the file system has no hard links, so two writers cannot be distinguished; "
                "use a folder on another disk, or the URL of the object store instead of the mount"
            ) from error
        raise
    os.unlink(temporary)
    return won


def _open_stored(url: str) -> BinaryIO:
    """Open a stored file for reading. Raises OSError. Raises FileDamaged if it is not a regular file.

    The call does not wait, although the program of a task may have created a FIFO at this path.
    """
    fd = os.open(local_path(url), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode):
        return open(fd, "rb")
    os.close(fd)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), url)
    raise FileDamaged(f"cannot read {url}: it is not a regular file")


def open_source(url: str) -> BinaryIO:
    """Open a file of this machine for reading. Raises StorageError; FileMissing if the file does not exist."""
    with _storage_errors("read", url):
        return open(local_path(url), "rb")


def copy(
    source: BinaryIO,
    target: BinaryIO,
    digest: str,
    progress: Callable[[int], None] = lambda size: None,
    *,
    piece: int = CHUNK_BYTES,
    holes: bool = False,
    limit: int | None = None,
) -> None:
    """Copy the rest of the file `source` to the file `target`.

    `digest`: expected SHA-256 (hex); empty: not checked. `progress`: function that gets the size of each copied piece,
    bytes. After a failure, the function gets the sum of these sizes as a negative number. `piece`: size of a piece,
    bytes. `holes`: True to make a hole from each piece of zeros; the target must then be a new file. `limit`: expected
    size of the source, bytes; the copy stops one byte after it; None: no limit.

    Raises FileRefused if the contents do not have the digest, because the file has changed.
    """
    sha256, sent = hashlib.sha256(), 0
    try:
        with ThreadPoolExecutor(1) as beside:  # a small file starts no thread
            while chunk := source.read(piece if limit is None else min(piece, limit + 1 - sent)):
                hashed = beside.submit(sha256.update, chunk) if digest and len(chunk) == piece else None
                if digest and hashed is None:
                    sha256.update(chunk)
                _write(target, chunk, holes=holes)
                if hashed is not None:
                    hashed.result()
                sent += len(chunk)
                progress(len(chunk))
        if holes:
            target.truncate()  # a hole at the end
        if digest and sha256.hexdigest() != digest:
            raise FileRefused(
                f"{source.name} changed while it was uploaded: submit again when no program writes to the file"
            )
    except BaseException:
        progress(-sent)
        raise


def _write(target: BinaryIO, chunk: bytes, *, holes: bool) -> None:
    if holes and chunk == bytes(len(chunk)):
        target.seek(len(chunk), os.SEEK_CUR)
    else:
        target.write(chunk)


@contextlib.contextmanager
def _storage_errors(verb: str, url: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise translate_error(verb, url, error, local=True) from error
