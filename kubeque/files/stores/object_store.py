"""An object store, used through a file system of fsspec.

Requests that fail with a temporary error are repeated. An object appears only after it is complete.
"""

from __future__ import annotations

import contextlib
import io
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, BinaryIO, TypeVar

from kubeque.files.batches import Copy
from kubeque.files.content_checks import check_content
from kubeque.files.parallel import QUESTIONS, in_parallel
from kubeque.files.stores.errors import patiently
from kubeque.files.stores.existence import find_present
from kubeque.files.stores.local import copy, is_temporary, open_source
from kubeque.files.stores.object_names import check_object_name
from kubeque.files.stores.piece_transfer import SMALL_PIECES, WHOLE_BYTES, Pieces, PieceTransfer
from kubeque.files.urls import join
from kubeque.model.errors import FileError, FileMissing, StorageError

T = TypeVar("T")

#: Names under which stores report a value that changes whenever the object changes, the best name first.
_GENERATIONS = ("generation", "ETag", "etag", "Content-MD5", "Digest")
_TIMES = ("updated", "LastModified", "Last-Modified", "mtime", "modified", "created")
#: Characters that make a path a pattern for fsspec, even in `rm`.
_MAGIC = re.compile(r"[*?[]")
#: Lock for the memory:// store, of which a process has only one.
_memory_lock = threading.Lock()


class _Listener:
    """Receives the progress of a download from fsspec. Has those methods of fsspec's Callback that `get_file` calls."""

    def __init__(self, progress: Callable[[int], None]) -> None:
        self._progress = progress
        self.seen = 0

    def set_size(self, size: int | None) -> None:
        """Reset the count of bytes to 0. gcsfs calls this again if it restarts a download after a broken connection."""
        self._progress(-self.seen)
        self.seen = 0

    def relative_update(self, size: int = 1) -> None:
        self.seen += size
        self._progress(size)


class ObjectStore:
    """Reads and writes the objects of one file system of fsspec. An object appears only after it is complete."""

    def __init__(
        self, filesystem: Any, *, in_memory: bool = False, ranges: bool = False, pieces: Pieces = SMALL_PIECES
    ) -> None:
        """`in_memory`: True for memory://. `ranges`: True if the store can return a part of an object.

        `pieces`: sizes of the pieces of large files.
        """
        self.filesystem = self._fs = filesystem
        self._ranges = ranges
        self._large_files = PieceTransfer(filesystem, pieces)
        # In memory://, readers share the file object to which a writer writes, so files are written only as a whole. To
        # create a file, memory:// first checks whether the file exists, so the creation of a file needs a lock.
        self._in_memory = in_memory

    def read(self, url: str, limit: int) -> bytes:
        if not self._ranges:
            return patiently("read", url, lambda: bytes(self._fs.cat_file(url)))
        try:
            return patiently("read", url, lambda: bytes(self._fs.cat_file(url, start=0, end=limit + 1)))
        except FileMissing:
            raise
        except StorageError:
            if self.look(url)[0] == 0:  # a store refuses to return a part of an empty object
                return b""
            raise

    def read_end(self, url: str, limit: int) -> tuple[int, bytes]:
        def receive() -> tuple[int, bytes]:
            size = int(self._fs.info(url)["size"])
            start = max(0, size - limit)
            return start, bytes(self._fs.cat_file(url, start=start, end=size)) if size else b""

        return patiently("read", url, receive)

    def write(self, url: str, data: bytes) -> None:
        check_object_name(url)
        patiently("write", url, lambda: self._fs.pipe_file(url, data))

    def write_new(self, url: str, data: bytes) -> bool:
        check_object_name(url)
        tries = 0

        def create() -> bool:
            nonlocal tries
            tries += 1
            if self._create(url, data):
                return True
            # If the answer to an earlier try was lost, that try may have created the existing object.
            return tries > 1 and self.read(url, len(data)) == data

        return patiently("write", url, create)

    def _create(self, url: str, data: bytes) -> bool:
        try:
            with _memory_lock if self._in_memory else contextlib.nullcontext():
                self._fs.pipe_file(url, data, mode="create")
            return True
        except FileExistsError:
            if self._in_memory and not self._fs.isfile(url):
                raise  # a file has the name of a folder
            return False
        except OSError as error:
            # s3fs needs the name of the failed condition, but not every S3 server reports the name. This request has
            # only one condition, so the code of the error is sufficient.
            answer = getattr(error.__cause__, "response", None) or {}
            if answer.get("Error", {}).get("Code") == "PreconditionFailed":
                return False
            raise

    def upload(self, path: str, url: str, digest: str, progress: Callable[[int], None]) -> None:
        check_object_name(url)
        with open_source(path) as source:
            patiently("write", url, lambda: self._send(source, url, digest, progress))

    def _send(self, source: BinaryIO, url: str, digest: str, progress: Callable[[int], None]) -> None:
        size = source.seek(0, io.SEEK_END)
        source.seek(0)
        if not self._in_memory and size > WHOLE_BYTES:
            self._large_files.send(source, url, size, digest, progress)
            return
        data = io.BytesIO()
        copy(source, data, digest)
        self._fs.pipe_file(url, data.getvalue())
        progress(size)

    def upload_together(self, copies: Sequence[Copy], progress: Callable[[int], None]) -> list[FileError | None]:
        """Upload several small files. Return one entry for each file, in order: its error, or None."""
        data: dict[str, bytes] = {}
        errors: dict[str, FileError] = {}
        for item in copies:
            try:
                check_object_name(item.url)
                with open_source(item.path) as source:
                    copy(source, read := io.BytesIO(), item.digest)
                data[item.url] = read.getvalue()
            except FileError as error:
                errors[item.url] = error
        try:
            self._fs.pipe(data)
        except Exception:
            # Upload the files one by one, so that each file has its own tries and its own error.
            errors |= self._upload_each(data)
        progress(sum(len(whole) for url, whole in data.items() if url not in errors))
        return [errors.get(item.url) for item in copies]

    def _upload_each(self, data: Mapping[str, bytes]) -> dict[str, FileError]:
        errors = {}
        for url, whole in data.items():
            try:
                patiently("write", url, partial(self._fs.pipe_file, url, whole))
            except FileError as error:
                errors[url] = error
        return errors

    def read_together(self, copies: Sequence[Copy]) -> list[bytes | None]:
        """Return the contents of several small files, in order. At most one byte more than the size of a file is read.

        Return None for a file that cannot be read or has a different size; the caller then downloads this file alone.
        Also return None for an empty file, because a store refuses to return a part of an empty object.
        """
        asked = [item for item in copies if item.size]
        # With a given end, s3fs sends no request for the size of the object.
        ends = [item.size + 1 for item in asked]
        found = self._fs.cat_ranges([item.url for item in asked], [0] * len(ends), ends, on_error="return")
        data = {item.url: part for item, part in zip(asked, found, strict=True) if isinstance(part, bytes)}
        return [data[item.url] if len(data.get(item.url, b"")) == item.size > 0 else None for item in copies]

    def download(self, url: str, file: BinaryIO, size: int | None, digest: str, progress: Callable[[int], None]) -> str:
        if self._ranges and (size is None or not 0 < size <= WHOLE_BYTES):
            found = patiently("read", url, lambda: int(self._fs.info(url)["size"]))
            check_content(url, found, size, "", "")
            size = found
            if size > WHOLE_BYTES:
                return self._large_files.receive(url, file, size, digest, progress)
        patiently("read", url, lambda: self._receive(url, file, size, progress))
        return ""

    def _receive(self, url: str, file: BinaryIO, size: int | None, progress: Callable[[int], None]) -> None:
        if self._in_memory or (size is not None and size <= WHOLE_BYTES):
            data = self._read_start(url, size) if size is not None and self._ranges else self._fs.cat_file(url)
            progress(len(data))
            file.write(data)
            return
        listener = _Listener(progress)
        try:
            self._fs.get_file(url, file.name, callback=listener)
        except BaseException:
            progress(-listener.seen)
            raise

    def _read_start(self, url: str, size: int) -> bytes:
        """Return the first `size` + 1 bytes of an object, or all of it if it is shorter; nothing if `size` is 0.

        For `size` 0, nothing is requested, because a store refuses to return a part of an empty object.
        """
        return bytes(self._fs.cat_file(url, start=0, end=size + 1)) if size else b""

    def look(self, url: str) -> tuple[int | None, str, bool]:
        info = patiently("read", url, lambda: self._fs.info(url))
        found = next((str(info[key]) for key in _GENERATIONS if info.get(key)), "")
        if not found:
            times = [str(info[key]) for key in _TIMES if info.get(key)]
            found = "-".join([*times[:1], str(info.get("size", ""))])
        return info.get("size"), found, info.get("type") == "directory"

    def existing(self, prefix: str, names: Iterable[str]) -> set[str]:
        return set(
            find_present(
                names,
                ask=lambda name: self._exists(join(prefix, name)),
                beginning=lambda start: [path.rpartition("/")[2] for path, _ in self._find(prefix, start)],
            )
        )

    def _exists(self, url: str) -> bool:
        def ask() -> bool:
            try:
                return bool(self._fs.info(url).get("type") == "file")
            except FileNotFoundError:
                return False

        return patiently("look for", url, ask)

    def listing(self, prefix: str) -> Iterator[tuple[str, int]]:
        root = self._root(prefix)
        for path, info in self._find(prefix):
            if not is_temporary(path):
                yield path[len(root) :], info.get("size") or 0

    def _root(self, prefix: str) -> str:
        return str(self._fs._strip_protocol(prefix)).rstrip("/") + "/"

    def _find(self, prefix: str, start: str = "") -> list[tuple[str, Any]]:
        """Return the path and the properties of each object below `prefix` with a name that begins with `start`.

        The paths have the form that the file system of fsspec uses.
        """
        root = self._root(prefix)
        more = {"prefix": start} if start else {}
        found = patiently("list", prefix, lambda: self._fs.find(prefix, detail=True, **more))
        # Leave out names that end with a slash: some stores keep such an empty object for each folder.
        return [(path, info) for path, info in found.items() if path.startswith(root) and not path.endswith("/")]

    def entries(self, prefix: str) -> Iterator[tuple[str, int, float | None, bool]]:
        root = self._root(prefix)

        def ask() -> list[dict[str, Any]]:
            try:
                return list(self._fs.ls(root.rstrip("/"), detail=True))
            except FileNotFoundError:
                return []

        for info in patiently("list", prefix, ask):
            path, folder = str(info["name"]), info.get("type") == "directory"
            name = path[len(root) :].rstrip("/")
            if path.startswith(root) and name and not is_temporary(name):
                yield name, 0 if folder else info.get("size") or 0, None if folder else _modified(info), folder

    def delete(self, url: str) -> None:
        def ask() -> None:
            with contextlib.suppress(FileNotFoundError):
                self._fs.rm_file(url)

        patiently("delete", url, ask)

    def delete_tree(self, prefix: str, keep: Callable[[str], bool] | None) -> None:
        root = self._root(prefix)
        paths = [path for path, _ in self._find(prefix) if keep is None or not keep(path[len(root) :])]
        plain = [path for path in paths if not _MAGIC.search(path)]
        if plain:
            patiently("delete", prefix, lambda: self._fs.rm(plain))
        for _ in in_parallel(self.delete, (path for path in paths if _MAGIC.search(path)), threads=QUESTIONS):
            pass


def _modified(info: dict[str, Any]) -> float | None:
    """Return the time of the last change of an object, Unix seconds; None if the store does not report the time.

    `info`: properties of the object, from fsspec.
    """
    for key in _TIMES:
        value = info.get(key)
        if isinstance(value, int | float):
            return float(value)
        if value:
            when = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
            return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    return None
