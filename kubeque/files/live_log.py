"""The end of standard output and standard error of a running task: read from growing files, and kept in the store."""

from __future__ import annotations

import base64
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubeque.files.regular_file import open_regular
from kubeque.lazy_dataclass import dataclass
from kubeque.model.compatibility.stored_types import is_number, is_whole
from kubeque.model.compatibility.unknown_entries import decompress

#: Largest number of bytes that are read from the end of a stream.
TAIL_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a stream, or the whole stream if it is short."""

    #: Offset of `data` in the stream, bytes.
    start: int = 0
    data: bytes = b""

    @property
    def end(self) -> int:
        """Length of the stream, bytes."""
        return self.start + len(self.data)

    @property
    def text(self) -> str:
        """The data as text. If the start of the stream is missing, the text begins with the first complete line."""
        data = self.data[self.data.find(b"\n") + 1 :] if self.start else self.data
        return data.decode(errors="replace")

    def to_wire(self) -> list[Any]:
        return [self.start, base64.b64encode(zlib.compress(self.data, 1)).decode()]

    @classmethod
    def from_wire(cls, wire: list[Any]) -> Tail:
        start, data, *_ = wire
        if not (is_whole(start) and start >= 0):
            raise TypeError(f"the offset is {start!r}")
        return cls(start, decompress(base64.b64decode(data), TAIL_BYTES))


@dataclass(frozen=True, slots=True)
class LiveLog:
    """Output of a running attempt at one moment."""

    #: Time on the clock of the queue, Unix seconds.
    at: float
    stdout: Tail
    stderr: Tail

    def to_wire(self) -> dict[str, Any]:
        return {"at": self.at, "stdout": self.stdout.to_wire(), "stderr": self.stderr.to_wire()}

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> LiveLog:
        """Return the log from its stored form. Raises an error in UNREADABLE if the stored form is damaged."""
        if not is_number(wire["at"]):
            raise TypeError(f"the time is {wire['at']!r}")
        return cls(wire["at"], Tail.from_wire(wire["stdout"]), Tail.from_wire(wire["stderr"]))


def read_tail(path: Path, limit: int = TAIL_BYTES) -> Tail:
    """Return at most `limit` bytes from the end of a file; nothing if a program removed or replaced the file."""
    try:
        with open_regular(path) as file:
            start = max(0, os.fstat(file.fileno()).st_size - limit)
            file.seek(start)
            return Tail(start, file.read(limit))
    except OSError:
        return Tail()
