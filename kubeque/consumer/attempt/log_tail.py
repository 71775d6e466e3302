"""The streams of a task, read back: to keep them, to quote their last lines, and to show them while they grow."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kubeque.files.live_log import read_tail
from kubeque.model.text import printable, render_terminal

#: Streams up to this many bytes travel inside result.json.
INLINE_BYTES = 16 << 10
#: A line quoted in a message is cut to this many characters.
QUOTED_CHARACTERS = 300
#: A line longer than this is shown in pieces, bytes.
_LINE_BYTES = 16 << 10
#: Seconds between two looks at the streams of a running command.
_SHOW_SECONDS = 0.5
#: A `pump` shows at most this much; a program that writes faster loses the middle here (not in its file).
_PUMP_BYTES = 1 << 20


def read_stream(path: Path, limit: int = INLINE_BYTES) -> tuple[str | None, int]:
    """The text of a stream if it is small enough to go into result.json, and its size in bytes.

    None where it has to be kept as a file: it is longer than `limit` bytes, or it is no UTF-8, so that its bytes would
    be lost in a text. A stream that the task removed is empty.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(limit + 1) if size <= limit else b""
    except FileNotFoundError:
        return "", 0
    if max(size, len(data)) > limit:
        return None, size
    try:
        return data.decode(), len(data)
    except UnicodeDecodeError:
        return None, len(data)


def last_lines(path: Path, n: int = 3) -> list[str]:
    """The last `n` lines of a stream that say anything, for a message: no control characters, none too long.

    Of a line that was overwritten (a progress bar) the last state is taken.
    """
    lines = (line.strip() for line in render_terminal(read_tail(path).data.decode(errors="replace")).split("\n"))
    said = [line for line in lines if line.strip("^~ ")]  # what Python marks below a line of a traceback says nothing
    return [printable(line, QUOTED_CHARACTERS) for line in said[-n:]]


class LiveTail:
    """Shows a growing stream line by line, each with a prefix: `pump` it now and then, `close` it at the end."""

    def __init__(self, path: Path, show: Callable[[str], object], prefix: str = "") -> None:
        """`show` is given whole lines, with prefix and line end, several at a time."""
        self._path = path
        self._show = show
        self._prefix = prefix
        self._offset = 0
        self._rest = b""

    def pump(self) -> None:
        """Show what was written since the last time. Half a line waits for its other half."""
        try:
            with self._path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                skipped = max(0, size - self._offset - _PUMP_BYTES)
                if size < self._offset:  # Somebody cut it short: what is there now is new.
                    self._offset, self._rest = 0, b""
                if skipped:
                    self._skip(skipped)
                file.seek(self._offset)
                data = file.read(_PUMP_BYTES)
        except FileNotFoundError:
            return
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        self._emit(lines)

    def close(self) -> None:
        """Show the rest, also where its last line has no end."""
        self.pump()
        self._emit([self._rest] if self._rest else [])
        self._rest = b""

    def _skip(self, count: int) -> None:
        self._emit(
            [self._rest, f"[{count} bytes not shown]".encode()] if self._rest else [b"[%d bytes not shown]" % count]
        )
        self._offset += count
        self._rest = b""

    def _emit(self, lines: list[bytes]) -> None:
        if lines:
            self._show("".join(f"{self._prefix}{line.decode(errors='replace')}\n" for line in lines))


@contextmanager
def shown(paths: Sequence[Path], show: Callable[[str], object] | None, prefix: str) -> Iterator[None]:
    """Meanwhile what comes into these streams is shown, each line behind `prefix`. `show` None: nobody listens."""
    if show is None:
        yield
        return
    tails, over = [LiveTail(path, show, prefix) for path in paths], threading.Event()

    def pump() -> None:
        while not over.wait(_SHOW_SECONDS):
            for tail in tails:
                tail.pump()

    thread = threading.Thread(target=pump, name="showing", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for tail in tails:
            tail.close()
