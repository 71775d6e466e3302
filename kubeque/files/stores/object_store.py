"""An object store, spoken to through a file system of fsspec that `store` opens: requests, retries, whole objects."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, BinaryIO, TypeVar

from kubeque.files.batches import Copy
from kubeque.files.parallel import QUESTIONS, in_parallel
from kubeque.files.stores.errors import patiently
from kubeque.files.stores.existence import present
from kubeque.files.stores.local import copy, is_temporary, open_source
from kubeque.files.urls import join

T = TypeVar("T")

log = logging.getLogger(__name__)

#: A file up to this size goes and comes in one request; a larger one in pieces.
WHOLE_BYTES = 8 << 20
#: Google takes pieces in multiples of 256 KiB, S3 takes 10,000 of them at most.
_PIECE_STEP, _PIECES = 1 << 18, 9_000
#: So many large files are on their way at the same time, for the memory that their pieces take.
_LARGE_AT_ONCE = 2
#: Where the stores keep what changes whenever the object does, best first.
_GENERATIONS = ("generation", "ETag", "etag", "Content-MD5", "Digest")
_TIMES = ("updated", "LastModified", "Last-Modified", "mtime", "modified", "created")
#: fsspec reads these in a path as a pattern, in `rm` too.
_MAGIC = re.compile(r"[*?[]")
#: There is one memory:// in a process.
_memory_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Pieces:
    """How a large file goes and comes: larger pieces are quicker, and take memory.

    One that is sent is there up to four times, in the library's buffers; of those that come, two for each at once.
    """

    #: Bytes of a piece that is sent, one after the other; more where the file would be too many of them.
    sent_bytes: int = 8 << 20
    #: Bytes of a piece that comes, and how many do at once; the libraries' own way holds half a gigabyte.
    received_bytes: int = 4 << 20
    at_once: int = 2


#: In a consumer, whose memory the cluster counts, and where there is room for more.
SMALL_PIECES, LARGE_PIECES = Pieces(), Pieces(32 << 20, 16 << 20, 4)


class _Listener:
    """What fsspec tells of a download; as much of its Callback as `get_file` uses."""

    def __init__(self, progress: Callable[[int], None]) -> None:
        self._progress = progress
        self.seen = 0

    def set_size(self, size: int | None) -> None:
        """It begins: gcsfs says so again when it begins again after a line has broken."""
        self._progress(-self.seen)
        self.seen = 0

    def relative_update(self, size: int = 1) -> None:
        self.seen += size
        self._progress(size)


class ObjectStore:
    """The objects that one file system of fsspec reaches. An object appears whole, when its last byte has arrived."""

    def __init__(
        self, filesystem: Any, *, in_memory: bool = False, ranges: bool = False, pieces: Pieces = SMALL_PIECES
    ) -> None:
        """`ranges`: it gives any part of an object."""
        self.filesystem = self._fs = filesystem
        self._ranges, self._pieces = ranges, pieces
        self._large = threading.Semaphore(_LARGE_AT_ONCE)
        # memory:// hands one file object to all readers and writes in sight of them, so there only whole files go;
        # and it looks before it creates, so that needs a lock.
        self._in_memory = in_memory

    def read(self, url: str) -> bytes:
        return patiently("read", url, lambda: bytes(self._fs.cat_file(url)))

    def read_end(self, url: str, limit: int) -> tuple[int, bytes]:
        def receive() -> tuple[int, bytes]:
            start = max(0, int(self._fs.info(url)["size"]) - limit)
            return start, bytes(self._fs.cat_file(url, start=start) if start else self._fs.cat_file(url))

        return patiently("read", url, receive)

    def write(self, url: str, data: bytes) -> None:
        patiently("write", url, lambda: self._fs.pipe_file(url, data))

    def write_new(self, url: str, data: bytes) -> bool:
        tries = 0

        def create() -> bool:
            nonlocal tries
            tries += 1
            if self._create(url, data):
                return True
            # After a lost answer it may be our own object that is in the way.
            return tries > 1 and bytes(self._fs.cat_file(url)) == data

        return patiently("write", url, create)

    def _create(self, url: str, data: bytes) -> bool:
        try:
            with _memory_lock if self._in_memory else contextlib.nullcontext():
                self._fs.pipe_file(url, data, mode="create")
            return True
        except FileExistsError:
            if self._in_memory and not self._fs.isfile(url):
                raise  # a file stands where a folder should be
            return False
        except OSError as error:
            # Not every S3 says which condition failed, as s3fs expects; ours has only the one.
            answer = getattr(error.__cause__, "response", None) or {}
            if answer.get("Error", {}).get("Code") == "PreconditionFailed":
                return False
            raise

    def upload(self, path: str, url: str, digest: str, progress: Callable[[int], None]) -> None:
        with open_source(path) as source:
            patiently("write", url, lambda: self._send(source, url, digest, progress))

    def _send(self, source: BinaryIO, url: str, digest: str, progress: Callable[[int], None]) -> None:
        size = source.seek(0, io.SEEK_END)
        source.seek(0)
        if not self._in_memory and size > WHOLE_BYTES:
            with self._large:
                self._send_pieces(source, url, size, digest, progress)
            return
        data = io.BytesIO()
        copy(source, data, digest)
        self._fs.pipe_file(url, data.getvalue())
        progress(size)

    def _send_pieces(self, source: BinaryIO, url: str, size: int, digest: str, progress: Callable[[int], None]) -> None:
        piece = max(self._pieces.sent_bytes, -(-size // _PIECES // _PIECE_STEP) * _PIECE_STEP)
        target = self._fs.open(url, "wb", block_size=piece)
        try:
            copy(source, target, digest, progress, piece=piece)
            try:
                target.close()
            except BaseException:
                progress(-size)
                raise
        except BaseException:
            self._abandon(target, url)
            raise

    def _abandon(self, target: Any, url: str) -> None:
        try:
            target.discard()
        except Exception as error:
            log.warning("the store keeps pieces of an unfinished upload of %s: %s", url, error)
        # Else leaving it to the garbage collector would make an object of the half that there is.
        target.closed = True

    def upload_together(self, copies: Sequence[Copy], progress: Callable[[int], None]) -> None:
        data = {}
        for item in copies:
            with open_source(item.path) as source:
                copy(source, read := io.BytesIO(), item.digest)
            data[item.url] = read.getvalue()
        try:
            self._fs.pipe(data)
        except Exception:
            # One by one each has its own tries, and what is refused is named.
            for url, whole in data.items():
                patiently("write", url, partial(self._fs.pipe_file, url, whole))
        progress(sum(map(len, data.values())))

    def read_together(self, copies: Sequence[Copy]) -> list[bytes | None]:
        """What each has; None where it did not come in full: it is to be asked for by itself."""
        # A size that is given saves S3 the question for it.
        ends = [item.size or None for item in copies]
        found = self._fs.cat_ranges([item.url for item in copies], [0] * len(ends), ends, on_error="return")
        return [
            bytes(data) if isinstance(data, bytes) and len(data) == item.size else None
            for item, data in zip(copies, found, strict=True)
        ]

    def download(self, url: str, file: BinaryIO, size: int | None, digest: str, progress: Callable[[int], None]) -> str:
        if self._ranges and (size is None or size > WHOLE_BYTES):
            # What it has, whatever it should have: whoever asked compares.
            size = patiently("read", url, lambda: int(self._fs.info(url)["size"]))
            if size > WHOLE_BYTES:
                with self._large:
                    return self._receive_pieces(url, file, size, digest, progress)
        patiently("read", url, lambda: self._receive(url, file, size, progress))
        return ""

    def _receive_pieces(self, url: str, file: BinaryIO, size: int, digest: str, progress: Callable[[int], None]) -> str:
        step = self._pieces.received_bytes

        def ask(start: int) -> bytes:
            end = min(start + step, size)
            data = bytes(self._fs.cat_file(url, start=start, end=end))
            if len(data) != end - start:
                raise ConnectionError(f"{len(data)} bytes of {end - start} came")
            return data

        def receive(start: int) -> bytes:
            return patiently("read", url, partial(ask, start))

        sha256, seen = hashlib.sha256(), 0
        try:
            for data in in_parallel(receive, range(0, size, step), threads=self._pieces.at_once):
                file.write(data)
                if digest:
                    sha256.update(data)
                seen += len(data)
                progress(len(data))
        except BaseException:
            progress(-seen)
            raise
        return sha256.hexdigest() if digest else ""

    def _receive(self, url: str, file: BinaryIO, size: int | None, progress: Callable[[int], None]) -> None:
        if self._in_memory or (size is not None and size <= WHOLE_BYTES):
            data = self._fs.cat_file(url)
            progress(len(data))
            file.write(data)
            return
        listener = _Listener(progress)
        try:
            self._fs.get_file(url, file.name, callback=listener)
        except BaseException:
            progress(-listener.seen)
            raise

    def look(self, url: str) -> tuple[int | None, str, bool]:
        info = patiently("read", url, lambda: self._fs.info(url))
        found = next((str(info[key]) for key in _GENERATIONS if info.get(key)), "")
        if not found:
            times = [str(info[key]) for key in _TIMES if info.get(key)]
            found = "-".join([*times[:1], str(info.get("size", ""))])
        return info.get("size"), found, info.get("type") == "directory"

    def existing(self, prefix: str, names: Iterable[str]) -> set[str]:
        return set(
            present(
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
        """The objects below `prefix` whose names go on with `start`, as the file system names them."""
        root = self._root(prefix)
        more = {"prefix": start} if start else {}
        found = patiently("list", prefix, lambda: self._fs.find(prefix, detail=True, **more))
        # Some stores keep an empty object for each folder, with a slash at its end.
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
    """When an object was written last, as Unix time; None where its store does not tell."""
    for key in _TIMES:
        value = info.get(key)
        if isinstance(value, int | float):
            return float(value)
        if value:
            when = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
            return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    return None
