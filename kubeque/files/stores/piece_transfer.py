"""Transfer large files to and from an object store in pieces, with little memory."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO

from kubeque.files.parallel import in_parallel
from kubeque.files.stores.errors import patiently
from kubeque.files.stores.local import copy
from kubeque.lazy_dataclass import dataclass

log = logging.getLogger(__name__)

#: Largest file that is transferred in one request, bytes. A larger file is transferred in pieces.
WHOLE_BYTES = 8 << 20
#: Unit of the size of a piece in bytes, and largest number of pieces of a file. Google accepts only multiples of this
#: unit. S3 accepts at most 10,000 pieces.
_PIECE_STEP, _PIECES = 1 << 18, 9_000
#: Largest number of large files that are transferred at the same time, because their pieces are in memory.
_LARGE_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Pieces:
    """Sizes of the pieces of a large file. Larger pieces are faster and need more memory.

    During an upload, up to four copies of one piece are in memory, in the buffers of the library. During a download,
    `2 * at_once` pieces are in memory.
    """

    #: Size of an uploaded piece, bytes. If the file would have too many pieces, its pieces are larger. Pieces are
    #: uploaded one after another.
    sent_bytes: int = 8 << 20
    #: Size of a downloaded piece in bytes, and number of pieces that are downloaded at the same time. A download by the
    #: libraries themselves would have half a gigabyte in memory.
    received_bytes: int = 4 << 20
    at_once: int = 2


#: Sizes for a consumer, whose memory the cluster limits, and sizes for a process that may use more memory.
SMALL_PIECES, LARGE_PIECES = Pieces(), Pieces(32 << 20, 16 << 20, 4)


class PieceTransfer:
    """Uploads and downloads large files, for one file system of fsspec."""

    def __init__(self, filesystem: Any, pieces: Pieces) -> None:
        self._fs, self._pieces = filesystem, pieces
        self._few = threading.Semaphore(_LARGE_AT_ONCE)

    def send(self, source: BinaryIO, url: str, size: int, digest: str, progress: Callable[[int], None]) -> None:
        """Upload a file of `size` bytes in pieces. If the upload fails, the store has no incomplete object.

        `digest`, `progress`: see `copy`.
        """
        with self._few:
            self._send(source, url, size, digest, progress)

    def _send(self, source: BinaryIO, url: str, size: int, digest: str, progress: Callable[[int], None]) -> None:
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
        # Mark the file as closed. Otherwise the garbage collector would close it, and so store an incomplete object.
        target.closed = True

    def receive(self, url: str, file: BinaryIO, size: int, digest: str, progress: Callable[[int], None]) -> str:
        """Download an object of `size` bytes in pieces to `file`. Raises StorageError.

        Return the SHA-256 (hex) of the object; "" if `digest` is empty. `progress`: see `copy`.
        """
        with self._few:
            return self._receive(url, file, size, digest, progress)

    def _receive(self, url: str, file: BinaryIO, size: int, digest: str, progress: Callable[[int], None]) -> str:
        step = self._pieces.received_bytes

        def ask(start: int) -> bytes:
            end = min(start + step, size)
            data = bytes(self._fs.cat_file(url, start=start, end=end))
            if len(data) != end - start:
                raise ConnectionError(f"the store sent {len(data)} of {end - start} bytes")
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
