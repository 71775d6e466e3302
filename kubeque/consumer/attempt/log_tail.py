"""Read standard output and standard error of a task: to store them, to quote their last lines, and to print them."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kubeque.files.live_log import read_tail
from kubeque.files.regular_file import open_regular
from kubeque.model.text import printable, render_terminal

log = logging.getLogger(__name__)
#: Largest stream that is stored in result.json, bytes. A larger stream is stored as a file.
INLINE_BYTES = 16 << 10
#: Longest line that is quoted in a message, characters. It is longer than the longest path, 4,096 bytes.
QUOTED_CHARACTERS = 5000
#: Longest line that is printed in one piece, bytes.
_LINE_BYTES = 16 << 10
#: Seconds between two reads of the streams of a running command.
_SHOW_SECONDS = 0.5
#: Largest number of bytes that one call of `pump` prints. If a program writes faster, some of its output is only in the
#: file of the stream.
_PUMP_BYTES = 1 << 20


def read_stream(path: Path, limit: int = INLINE_BYTES) -> tuple[str | None, int]:
    """Return the text of a stream for result.json, and the size of the stream in bytes.

    The text is None if the stream is longer than `limit` bytes or is not UTF-8. The stream must then be stored as a
    file. If the task removed or replaced the file of the stream, the stream counts as empty (see `stream_problem`).
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(limit + 1) if size <= limit else b""
    except OSError:
        return "", 0
    if max(size, len(data)) > limit:
        return None, size
    try:
        return data.decode(), len(data)
    except UnicodeDecodeError:
        return None, len(data)


def stream_problem(path: Path) -> str:
    """Return the reason why a stream cannot be read, for a message; empty if it can be read or was removed."""
    try:
        open_regular(path).close()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"what the command wrote to {path.name} is lost: the task replaced that file ({error.strerror})"
    return ""


def last_lines(path: Path, n: int = 3) -> list[str]:
    """Return the last `n` lines of a stream that are not empty, for a message.

    Control characters are removed, and long lines are cut. If a program has overwritten a line, for example to show its
    progress, only the last text of this line is returned.
    """
    lines = (line.strip() for line in render_terminal(read_tail(path).data.decode(errors="replace")).split("\n"))
    filled = [line for line in lines if line.strip("^~ ")]  # leave out the marks `^~` of a traceback
    return [printable(line, QUOTED_CHARACTERS) for line in filled[-n:]]


class LiveTail:
    """Prints a growing stream line by line, with a prefix. Call `pump` regularly, and `close` at the end."""

    def __init__(self, path: Path, show: Callable[[str], object], prefix: str = "") -> None:
        """`path`: file of the stream. `show`: function that prints a text of one or more complete lines.

        `prefix`: text before each line.
        """
        self._path = path
        self._show = show
        self._prefix = prefix
        self._offset = 0
        self._rest = b""

    def pump(self) -> None:
        """Print the text that was added to the stream since the last call, except an incomplete last line."""
        try:
            with open_regular(self._path) as file:
                size = os.fstat(file.fileno()).st_size
                skipped = max(0, size - self._offset - _PUMP_BYTES)
                if size < self._offset:  # the file was truncated, so all of its content is new
                    self._offset, self._rest = 0, b""
                if skipped:
                    self._skip(skipped)
                file.seek(self._offset)
                data = file.read(_PUMP_BYTES)
        except OSError:  # the task removed or replaced the file
            return
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        self._emit(lines)

    def close(self) -> None:
        """Print the rest of the stream, also a last line without a line end."""
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
def print_streams(paths: Sequence[Path], show: Callable[[str], object] | None, prefix: str) -> Iterator[None]:
    """Print streams while the `with` block runs, with `prefix` before each line. `paths`: files of the streams.

    `show`: function that prints a text of complete lines; None: print nothing.
    """
    if show is None:
        yield
        return
    tails, over = [LiveTail(path, show, prefix) for path in paths], threading.Event()

    def pump() -> None:
        while not over.wait(_SHOW_SECONDS):
            for tail in tails:
                _show_or_log(tail.pump)

    thread = threading.Thread(target=pump, name="showing", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for tail in tails:
            _show_or_log(tail.close)


def _show_or_log(show: Callable[[], None]) -> None:
    """Call `show`, which prints more of a stream. Log an error, because it must not fail the task."""
    try:
        show()
    except Exception:
        log.exception("the output of a command is not printed")
