"""One door to bytes anywhere: `Files` reads and writes full URLs, in folders and, through fsspec, in object stores."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Protocol

from kubeque.files.batches import SMALL_BYTES, Copy
from kubeque.files.entry import Entry, Look
from kubeque.files.live_log import TAIL_BYTES, Tail
from kubeque.files.sha256 import sha256_file
from kubeque.files.stores.credentials import identity, is_nobody, remedy
from kubeque.files.stores.errors import is_full, reason, refused
from kubeque.files.stores.local import Folder, put, temporary_name
from kubeque.files.stores.object_store import LARGE_PIECES, SMALL_PIECES, ObjectStore, Pieces
from kubeque.files.urls import is_folder, join, scheme, split
from kubeque.model.errors import ConfigError, FileDamaged, FileMissing, MissingExtra, StorageError

__all__ = ["LARGE_PIECES", "Files", "Look", "is_folder", "join"]

#: Where results may go: stores that show an object only once it is whole, and can refuse to overwrite one.
WRITABLE = ("gs", "gcs", "s3", "s3a", "memory")
_LIBRARIES = {
    "gs": "'kubeque[google]'",
    "gcs": "'kubeque[google]'",
    "s3": "'kubeque[s3]'",
    "s3a": "'kubeque[s3]'",
    "http": "aiohttp requests",
    "https": "aiohttp requests",
}


class Store(Protocol):
    """What each kind of store can do; `Files` tells what is meant. Raises StorageError, FileMissing on reading."""

    def read(self, url: str) -> bytes: ...
    def read_end(self, url: str, limit: int) -> tuple[int, bytes]: ...
    def write(self, url: str, data: bytes) -> None: ...
    def write_new(self, url: str, data: bytes) -> bool: ...
    def upload(self, path: str, url: str, digest: str, progress: Callable[[int], None]) -> None: ...
    def download(
        self, url: str, file: BinaryIO, size: int | None, digest: str, progress: Callable[[int], None]
    ) -> str: ...
    def look(self, url: str) -> tuple[int | None, str, bool]: ...
    def existing(self, prefix: str, names: Iterable[str]) -> set[str]: ...
    def listing(self, prefix: str) -> Iterator[tuple[str, int]]: ...
    def entries(self, prefix: str) -> Iterator[tuple[str, int, float | None, bool]]: ...
    def delete(self, url: str) -> None: ...
    def delete_tree(self, prefix: str, keep: Callable[[str], bool] | None) -> None: ...


class Files:
    """Files anywhere, by URL: a plain path, `file://`, `gs://`, `s3://`, `https://` and what else fsspec knows.

    `options` are given to fsspec by scheme, as in {"gs": {"token": ...}}; `pieces`: how large files go and come, small
    ones unless there is memory for LARGE_PIECES. May be used by many threads.
    Everything raises StorageError naming the URL and what the store said, MissingExtra where a library is not there.
    """

    def __init__(
        self, options: Mapping[str, Mapping[str, Any]] | None = None, *, pieces: Pieces = SMALL_PIECES
    ) -> None:
        self._options, self._pieces = dict(options or {}), pieces
        self._folder = Folder()
        self._stores: dict[tuple[int, str], ObjectStore] = {}
        self._lock = threading.Lock()

    def read(self, url: str) -> bytes:
        """The whole file. Raises FileMissing where there is none."""
        return self._store(url).read(url)

    def read_tail(self, url: str, limit: int = TAIL_BYTES) -> Tail:
        """The end of a file, without reading the rest. Raises FileMissing where there is none."""
        return Tail(*self._store(url).read_end(url, limit))

    def read_json(self, url: str) -> Any:
        """What the JSON file says. Raises FileMissing where there is none, FileDamaged where it is none."""
        try:
            return json.loads(self.read(url))
        except ValueError as error:
            raise FileDamaged(f"cannot read {url}: it is no JSON ({error})") from error

    def write(self, url: str, data: bytes) -> None:
        """Write or overwrite a file; folders are made. A reader sees what was there before or all of `data`."""
        self._store(url).write(url, data)

    def write_new(self, url: str, data: bytes) -> bool:
        """Write a file unless there is one: of many who try at once exactly one is told True."""
        return self._store(url).write_new(url, data)

    def upload(
        self, path: str | os.PathLike[str], url: str, *, digest: str = "", progress: Callable[[int], None] | None = None
    ) -> None:
        """Send a file of this machine, in pieces. `progress` gets the bytes of each (below zero when it begins again).

        With `digest` (SHA-256, hex) nothing appears under `url` unless the bytes sent have that digest.
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
        """Fetch a file to `path`, in pieces; it appears there whole and checked, folders are made.

        `digest` (SHA-256, hex), `size` (bytes) and `generation` (of an earlier `look`) must be the file's, where given;
        FileDamaged is raised where they are not. `progress` is told as by `upload`.
        """

        def fill(file: BinaryIO) -> None:
            try:
                seen = self._store(url).download(url, file, size, digest, progress or (lambda size: None))
            except StorageError as error:
                if is_full(error.__cause__):  # it was met while reading, but it is not the store's fault
                    raise refused("write", os.fspath(path), error.__cause__) from error
                raise
            file.flush()
            _check(url, os.path.getsize(file.name), size, (seen or sha256_file(file.name)) if digest else "", digest)

        try:
            put(os.fspath(path), fill)
        except (OSError, ValueError) as error:
            raise refused("write", os.fspath(path), error) from error
        if generation and self.look(url).generation != generation:
            os.unlink(path)
            raise FileDamaged(f"{url} is not what it was when the job was submitted: submit again")

    def upload_many(self, copies: Sequence[Copy], *, progress: Callable[[int], None] | None = None) -> None:
        """Send files that go together (see `in_groups`), each as `upload` does."""
        told = progress or (lambda size: None)
        together = self._together(copies)
        if together:
            together.upload_together(copies, told)
            return
        for item in copies:
            self.upload(item.path, item.url, digest=item.digest, progress=told)

    def download_many(
        self, copies: Sequence[Copy], *, progress: Callable[[int], None] | None = None
    ) -> list[StorageError | None]:
        """Fetch files that go together, each as `download` does. What is missing or damaged is returned, not raised."""
        told = progress or (lambda size: None)
        together = self._together(copies)
        found = together.read_together(copies) if together else [None] * len(copies)
        return [self._receive(item, data, told) for item, data in zip(copies, found, strict=True)]

    def _together(self, copies: Sequence[Copy]) -> ObjectStore | None:
        """The one store of files that may come and go together."""
        if len(copies) < 2 or any(item.size > SMALL_BYTES for item in copies):
            return None
        store, *others = {id(found): found for found in (self._store(item.url) for item in copies)}.values()
        return store if isinstance(store, ObjectStore) and not others else None

    def _receive(self, item: Copy, data: bytes | None, progress: Callable[[int], None]) -> StorageError | None:
        try:
            if data is None:
                self.download(item.url, item.path, digest=item.digest, size=item.size, progress=progress)
            else:
                _check(item.url, len(data), item.size, hashlib.sha256(data).hexdigest(), item.digest)
                put(item.path, lambda file: file.write(data))
                progress(len(data))
        except (FileMissing, FileDamaged) as error:
            return error
        except (OSError, ValueError) as error:
            raise refused("write", item.path, error) from error
        return None

    def look(self, url: str) -> Look:
        """What the store tells of a file. Raises FileMissing where there is none."""
        return Look(*self._store(url).look(url))

    def existing(self, prefix: str, names: Iterable[str]) -> set[str]:
        """Those of `names` that are files below `prefix`; asked for in parallel."""
        return self._store(prefix).existing(prefix, names)

    def listing(self, prefix: str) -> Iterator[tuple[str, int]]:
        """All files below `prefix`, as relative name and bytes, in no order; nothing where there is no such folder.

        The names are as others chose them: they go through `inside` before anything is written. Links are left out.
        """
        return self._store(prefix).listing(prefix)

    def entries(self, prefix: str) -> list[Entry]:
        """The files and folders right below `prefix`, by name; none where there is no such folder."""
        return sorted((Entry(*found) for found in self._store(prefix).entries(prefix)), key=lambda entry: entry.name)

    def delete(self, url: str) -> None:
        """Remove a file, if it is there."""
        self._store(url).delete(url)

    def delete_tree(self, prefix: str, *, keep: Callable[[str], bool] | None = None) -> None:
        """Remove all files below `prefix`, but those that `keep` says yes to, given their names below it.

        Refuses a whole bucket and the root of a disk.
        """
        if not split(prefix)[1].strip("/"):
            raise StorageError(f"will not delete all of {prefix!r}: name a folder in it")
        self._store(prefix).delete_tree(prefix, keep)

    def check_writable(self, prefix: str) -> None:
        """Raises StorageError unless files below `prefix` can be written, read, and created by one writer only."""
        kind = scheme(prefix)
        if not is_folder(prefix) and kind not in WRITABLE:
            known = ", ".join(f"{name}://" for name in WRITABLE)
            raise StorageError(f"cannot write to {prefix}: results go to a folder or to {known}, not to {kind}://")
        probe = join(prefix, temporary_name())
        try:
            store = self._store(prefix)
            if isinstance(store, ObjectStore) and is_nobody(kind, store.filesystem):
                raise StorageError("no credentials")
            seen = self.write_new(probe, b"1"), self.write_new(probe, b"2"), self.read(probe)
            self.delete(probe)
        except StorageError as error:
            said = str(error).removeprefix(f"cannot write {probe}: ")
            raise StorageError(f"cannot write to {prefix}: {said}; {self._remedy(prefix, said)}") from error
        if seen != (True, False, b"1"):
            raise StorageError(
                f"cannot write to {prefix}: the store overwrites a file where it should refuse to; "
                f"update the library for {kind or 'that disk'}, or choose another store"
            )

    def _remedy(self, prefix: str, said: str) -> str:
        if is_folder(prefix):
            return "choose a folder that you may write to (default_url_prefix and cas_url_prefix in .kubeque)"
        store, kind = self._stores.get((os.getpid(), split(prefix)[0])), scheme(prefix)
        who = identity(kind, store.filesystem) if store else ""
        return f"asked as {who}; {remedy(kind, said)}" if who else remedy(kind, said)

    def _store(self, url: str) -> Store:
        if is_folder(url):
            return self._folder
        # A connection does not survive a fork, and ftp:// and the like have one for each host.
        key = os.getpid(), split(url)[0]
        store = self._stores.get(key)
        if store is None:
            with self._lock:
                store = self._stores.get(key) or self._open(url)
                self._stores[key] = store
        return store

    def _open(self, url: str) -> ObjectStore:
        kind = scheme(url)
        try:
            # A remembered listing would hide what others write meanwhile.
            filesystem = _file_system(kind, url, {"use_listings_cache": False, **self._options.get(kind, {})})
        except ImportError as error:
            remedy = f"pip install {_LIBRARIES[kind]}" if kind in _LIBRARIES else str(error)
            raise MissingExtra(f"{url}: {kind}:// needs a library that is not installed: {remedy}") from error
        except ValueError as error:
            raise ConfigError(
                f"{url}: no store is known by {kind}:// ({reason(error)}): write gs:// or s3://"
            ) from error
        # Logging in may fail in any way that a library of the cloud's maker knows.
        except Exception as error:
            raise refused("open", url, error) from error
        ranges = kind in ("gs", "gcs", "s3", "s3a")
        return ObjectStore(filesystem, in_memory=kind == "memory", ranges=ranges, pieces=self._pieces)


def _file_system(kind: str, url: str, options: Mapping[str, Any]) -> Any:
    # What they log is raised as well, or of no interest: where nobody listens to their logs, nothing is printed.
    # (asyncio tells a thousand lines of the requests that s3fs gave up when the network went.)
    for library in ("asyncio", "gcsfs", "google.auth"):
        logging.getLogger(library).addHandler(logging.NullHandler())
    if kind in ("gs", "gcs"):
        from gcsfs.core import GCSFileSystem

        # The class that fsspec would choose asks each bucket for its kind by gRPC first. Nothing here depends on that,
        # a server that speaks HTTP only lets it wait for a minute, and without a login it complains at every request.
        return GCSFileSystem(**(options if "token" in options else {**options, "token": _google_token()}))
    from fsspec.core import url_to_fs

    return url_to_fs(url, **options)[0]


def _google_token() -> Any:
    """The login of this machine; "anon" where there is none, which may read public objects.

    Left to itself gcsfs would ask a metadata server again, in vain and for half a minute, before it comes to "anon".
    """
    if os.environ.get("STORAGE_EMULATOR_HOST"):
        return "anon"
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        return google.auth.default(scopes=["https://www.googleapis.com/auth/devstorage.full_control"])[0]
    except DefaultCredentialsError:
        return "anon"


def _check(url: str, found: int, size: int | None, seen: str, digest: str) -> None:
    """Are bytes and SHA-256 what they should be, where that is known?"""
    if size is not None and found != size:
        raise FileDamaged(f"cannot read {url}: it has {found} bytes, not {size}: it was changed or damaged")
    if digest and seen != digest:
        raise FileDamaged(f"cannot read {url}: its SHA-256 is {seen}, not {digest}: it was changed or damaged")
