"""Read and write files by URL, in folders of this machine and (through fsspec) in object stores."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, ParamSpec, TypeVar

from kubeque.files.batches import SMALL_BYTES, Copy
from kubeque.files.content_checks import check_content, parse_json
from kubeque.files.entry import Entry, Look
from kubeque.files.live_log import TAIL_BYTES, Tail
from kubeque.files.sha256 import sha256_file
from kubeque.files.stores.credentials import identity, is_nobody, remedy
from kubeque.files.stores.errors import is_full, translate_error
from kubeque.files.stores.fsspec_store import open_store
from kubeque.files.stores.local import Folder, temporary_name
from kubeque.files.stores.object_store import ObjectStore
from kubeque.files.stores.piece_transfer import LARGE_PIECES, SMALL_PIECES, Pieces
from kubeque.files.stores.store_protocol import Store
from kubeque.files.urls import is_folder, join, scheme, split
from kubeque.model.compatibility.unknown_entries import UNREADABLE, explain
from kubeque.model.errors import FileDamaged, FileError, StorageError
from kubeque.model.url_logins import hide_logins

T = TypeVar("T")
P = ParamSpec("P")
__all__ = ["LARGE_PIECES", "Files", "Look", "is_folder", "join"]

#: Default size limit of a file that is read into memory, bytes. This is enough for a manifest with 200,000 files.
READ_BYTES = 64 << 20
#: Schemes of stores that may have results. Such a store shows only complete objects, and can refuse to overwrite an
#: object.
WRITABLE = ("gs", "gcs", "s3", "s3a", "memory")


class Files:
    """Reads and writes files by URL: a plain path, `file://`, `gs://`, `s3://`, `https://` and other schemes of fsspec.

    `options`: keyword arguments for fsspec by scheme, for example {"gs": {"token": ...}}. `pieces`: sizes of the pieces
    of large files; LARGE_PIECES are faster and need more memory. `private`: folder below which only this user may read
    new files. `login`: function that gets a URL, and returns further keyword arguments, an fsspec file system, or None.

    The class is thread-safe. All methods raise StorageError with the URL and the answer of the store. All methods raise
    MissingExtra if a library is missing.
    """

    def __init__(
        self, options: Mapping[str, Mapping[str, Any]] | None = None, *, pieces: Pieces = SMALL_PIECES,
        private: str | os.PathLike[str] = "", login: Callable[[str], Any] | None = None,
    ) -> None:  # fmt: skip
        self._login = login
        self._options, self._pieces = dict(options or {}), pieces
        self._folder = Folder(private)
        self._stores: dict[tuple[int, str], ObjectStore] = {}
        self._lock = threading.Lock()

    def read(self, url: str, limit: int = READ_BYTES) -> bytes:
        """Return the contents of a file.

        Raises FileMissing if the file does not exist. Raises FileDamaged if the file has more than `limit` bytes. At
        most one byte more than `limit` is read if the store can return a part of a file.
        """
        data = self._store(url).read(url, limit)
        if len(data) > limit:
            raise FileDamaged(f"cannot read {url}: the file has more than {limit} bytes and was changed or damaged")
        return data

    def read_tail(self, url: str, limit: int = TAIL_BYTES) -> Tail:
        """Return the last `limit` bytes of a file. Raises FileMissing if the file does not exist."""
        return Tail(*self._store(url).read_end(url, limit))

    def read_json(self, url: str, limit: int = READ_BYTES, *, digest: str = "") -> Any:
        """Return the parsed contents of a JSON file.

        `digest`: expected SHA-256 (hex) of the file; empty: not checked. Raises FileMissing if the file does not exist.
        Raises FileDamaged if the file is not JSON, has more than `limit` bytes, or has another SHA-256.
        """
        data = self.read(url, limit)
        if digest:
            check_content(url, len(data), None, hashlib.sha256(data).hexdigest(), digest)
        return parse_json(url, data, trusted=bool(digest))

    def read_as(self, url: str, parse: Callable[[Any], T], limit: int = READ_BYTES, *, digest: str = "") -> T:
        """Return the result of `parse`, which gets the parsed contents of a JSON file.

        Raises the errors of `read_json`. Raises FileDamaged if `parse` raises an error in UNREADABLE.
        """
        wire = self.read_json(url, limit, digest=digest)
        try:
            return parse(wire)
        except UNREADABLE as error:
            raise FileDamaged(f"cannot read {url}: the file was changed or damaged ({explain(error)})") from error

    def write(self, url: str, data: bytes) -> None:
        """Write a file atomically, and make missing folders. An existing file is overwritten."""
        self._store(url).write(url, data)

    def write_new(self, url: str, data: bytes) -> bool:
        """Write a new file, and return True. If the file exists, leave it unchanged and return False.

        If several calls write the same new file, exactly one of them returns True.
        """
        return self._store(url).write_new(url, data)

    def upload(
        self, path: str | os.PathLike[str], url: str, *, digest: str = "", progress: Callable[[int], None] | None = None
    ) -> None:
        """Upload the file `path` of this machine to `url`.

        `digest`: expected SHA-256 (hex); the file appears at `url` only if the uploaded contents have this digest.
        `progress`: function that gets the size of each uploaded piece, bytes. If the upload starts again, the function
        first gets the sum of these sizes as a negative number.
        """
        self._store(url).upload(os.fspath(path), url, digest, progress or (lambda size: None))

    def download(
        self,
        url: str,
        path: str | os.PathLike[str],
        *,
        digest: str = "",
        size: int | None = None,
        generation: str = "",
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """Download the file `url` to `path`, and make missing folders. The file appears after its contents are checked.

        Raises FileDamaged if the file does not have the given `digest` (SHA-256, hex), `size` (bytes) or `generation`
        (from an earlier `look`). A file that is larger than `size` is not read to its end. `progress`: function that
        gets the sizes of pieces, see `upload`.
        """

        def fill(file: BinaryIO) -> None:
            try:
                seen = self._store(url).download(url, file, size, digest, progress or (lambda size: None))
            except StorageError as error:
                if is_full(error.__cause__):  # the read failed because the disk of this machine is full
                    raise translate_error("write", os.fspath(path), error.__cause__) from error
                raise
            file.flush()
            check_content(
                url, os.path.getsize(file.name), size, (seen or sha256_file(file.name)) if digest else "", digest
            )
            # Ask after the last byte was read, because the object can change during the download.
            if generation and self.look(url).generation != generation:
                raise FileDamaged(f"{url} has changed since the job was submitted: submit again")

        try:
            self._folder.put(os.fspath(path), fill)
        except (OSError, ValueError) as error:
            raise translate_error("write", os.fspath(path), error, local=True) from error

    def upload_many(
        self, copies: Sequence[Copy], *, progress: Callable[[int], None] | None = None
    ) -> list[FileError | None]:
        """Upload the files of one group (see `in_groups`) as `upload` does, if possible in one request.

        Return one entry for each file, in order: its error, or None.
        """
        report = progress or (lambda size: None)
        together = self._together(copies)
        if together:
            return together.upload_together(copies, report)
        return [_error_of(self.upload, item.path, item.url, digest=item.digest, progress=report) for item in copies]

    def download_many(
        self, copies: Sequence[Copy], *, progress: Callable[[int], None] | None = None
    ) -> list[FileError | None]:
        """Download the files of one group (see `in_groups`) as `download` does, if possible in one request.

        Return one entry for each file, in order: its error, or None.
        """
        report = progress or (lambda size: None)
        together = self._together(copies)
        found = together.read_together(copies) if together else [None] * len(copies)
        return [_error_of(self._receive, item, data, report) for item, data in zip(copies, found, strict=True)]

    def _together(self, copies: Sequence[Copy]) -> ObjectStore | None:
        """Return the store that can transfer these files together; None if each file needs its own transfer."""
        if len(copies) < 2 or any(item.size > SMALL_BYTES for item in copies):
            return None
        store, *others = {id(found): found for found in (self._store(item.url) for item in copies)}.values()
        return store if isinstance(store, ObjectStore) and not others else None

    def _receive(self, item: Copy, data: bytes | None, progress: Callable[[int], None]) -> None:
        if data is None:
            self.download(item.url, item.path, digest=item.digest, size=item.size, progress=progress)
            return
        check_content(item.url, len(data), item.size, hashlib.sha256(data).hexdigest(), item.digest)
        try:
            self._folder.put(item.path, lambda file: file.write(data))
        except (OSError, ValueError) as error:
            raise translate_error("write", item.path, error, local=True) from error
        progress(len(data))

    def look(self, url: str) -> Look:
        """Return the properties of a file. Raises FileMissing if the file does not exist."""
        return Look(*self._store(url).look(url))

    def existing(self, prefix: str, names: Iterable[str]) -> set[str]:
        """Return those of `names` that exist as files below `prefix`."""
        return self._store(prefix).existing(prefix, names)

    def listing(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield the name relative to `prefix` and the size (bytes) of each file below `prefix`, in any order.

        Links are left out. Yields nothing if `prefix` does not exist. The names are not checked: before you write a
        file with such a name, pass the name through `safe_paths.inside`.
        """
        return self._store(prefix).listing(prefix)

    def entries(self, prefix: str) -> list[Entry]:
        """Return the files and folders directly below `prefix`, sorted by name; empty if `prefix` does not exist."""
        return sorted((Entry(*found) for found in self._store(prefix).entries(prefix)), key=lambda entry: entry.name)

    def delete(self, url: str) -> None:
        """Delete a file. It is not an error if the file does not exist."""
        self._store(url).delete(url)

    def delete_tree(self, prefix: str, *, keep: Callable[[str], bool] | None = None) -> None:
        """Delete all files below `prefix`, except those for which `keep` returns True.

        `keep`: function that gets the name of a file relative to `prefix`; None: keep no file. Raises StorageError if
        `prefix` is a whole bucket or the root of a disk.
        """
        if not split(prefix)[1].strip("/"):
            raise StorageError(
                f"{prefix!r} is a whole bucket or disk and is not deleted: give a folder below {prefix!r}"
            )
        self._store(prefix).delete_tree(prefix, keep)

    def delete_empty(self, url: str) -> None:
        """Delete a folder of this machine if it is empty. Do nothing for a URL of an object store."""
        if is_folder(url):
            self._folder.delete_empty(url)

    def check_writable(self, prefix: str) -> None:
        """Raise StorageError if files below `prefix` cannot be written or read, or if `write_new` overwrites a file.

        Writes a test file twice, and deletes it.
        """
        kind = scheme(prefix)
        if not is_folder(prefix) and kind not in WRITABLE:
            known = ", ".join(f"{name}://" for name in WRITABLE)
            raise StorageError(
                f"cannot write to {prefix}: kubeque cannot write to {kind}://; give a folder, or a URL of {known}"
            )
        probe = join(prefix, temporary_name())
        try:
            store = self._store(prefix)
            if isinstance(store, ObjectStore) and is_nobody(kind, store.filesystem):
                raise StorageError("no credentials")
            seen = self.write_new(probe, b"1"), self.write_new(probe, b"2"), self.read(probe)
            self.delete(probe)
        except StorageError as error:
            cause = str(error).removeprefix(hide_logins(f"cannot write {probe}: "))
            raise StorageError(f"cannot write to {prefix}: {cause}; {self._remedy(prefix, cause)}") from error
        if seen != (True, False, b"1"):
            remedy = (
                f"update the library for {kind}://, or choose another store"
                if kind
                else "choose a folder of another disk"
            )
            raise StorageError(
                f"cannot write to {prefix}: the store overwrites a file instead of refusing the write; {remedy}"
            )

    def _remedy(self, prefix: str, cause: str) -> str:
        if is_folder(prefix):
            return "choose a folder that you may write to (default_url_prefix and cas_url_prefix in .kubeque)"
        store, kind = self._stores.get((os.getpid(), split(prefix)[0])), scheme(prefix)
        who = identity(kind, store.filesystem) if store else ""
        return f"asked as {who}; {remedy(kind, cause)}" if who else remedy(kind, cause)

    def _store(self, url: str) -> Store:
        if is_folder(url):
            return self._folder
        # A connection does not survive a fork. Schemes such as ftp:// need one connection for each host.
        key = os.getpid(), split(url)[0]
        store = self._stores.get(key)
        if store is None:
            with self._lock:
                store = self._stores.get(key) or open_store(url, self._options, self._pieces, self._login)
                self._stores[key] = store
        return store


def _error_of(transfer: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> FileError | None:
    """Call `transfer`, which transfers one file. Return the error of this file, or None.

    Raises StorageError if the error also concerns other files.
    """
    try:
        transfer(*args, **kwargs)
    except FileError as error:
        return error
    return None
