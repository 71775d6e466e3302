"""The standard streams of the command `kubeque`. All text is printed through this module.

Text of users and programs cannot control the terminal, or reorder the text around it. An error of standard output
becomes a message of one line. Any character can be written, even if the encoding of the locale lacks it.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from kubeque.model.errors import KubequeError
from kubeque.model.text import safe_text

#: Seconds between two attempts to write to a full non-blocking pipe.
_PAUSE_SECONDS = 0.01


class SafeStream(io.TextIOWrapper):
    """A text stream that replaces characters that control a terminal. Only `write_own` writes these characters."""

    def write(self, text: str, /) -> int:
        super().write(safe_text(text))
        return len(text)

    def write_own(self, text: str) -> int:
        """Write text that contains escape sequences of kubeque itself. The caller makes the rest of the text safe."""
        return super().write(text)


class OutputError(KubequeError):
    """Standard output cannot be written: it is closed, the program that reads it has ended, or its disk is full."""

    #: Exit code EX_IOERR of sysexits.h. The code 1 would mean failed tasks.
    exit_code = 74

    @property
    def reader_left(self) -> bool:
        """True if the program that reads the pipe, for example `head`, has closed it."""
        return isinstance(self.__cause__, BrokenPipeError)


class _StandardOutput(io.FileIO):
    """Standard output. Its errors are raised as OutputError, to distinguish them from the errors of other files."""

    def write(self, data: Any, /) -> int:
        try:
            return _write_waiting(super().write, data)
        except OSError as error:
            raise OutputError(
                f"standard output cannot be written ({error.strerror}): write to a disk with free space, or to a"
                " program that reads the output"
            ) from error


class _StandardError(io.FileIO):
    """Standard error. A message that cannot be written is lost, because there is no other stream for messages."""

    def write(self, data: Any, /) -> int:
        with suppress(OSError):
            return _write_waiting(super().write, data)
        return len(data)


def write_own(text: str, stream: TextIO) -> None:
    """Write text that contains escape sequences of kubeque itself. The caller makes the rest of the text safe."""
    (stream.write_own if isinstance(stream, SafeStream) else stream.write)(text)
    stream.flush()


def write_data(text: str) -> None:
    """Write data to standard output: on a terminal as safe text, otherwise unchanged in UTF-8."""
    if sys.stdout.isatty():
        sys.stdout.write(text)
    else:
        sys.stdout.buffer.write(text.encode())


def _write_waiting(write: Callable[[Any], int | None], data: Any) -> int:
    """Call `write` once with `data`, and return the number of written bytes.

    If another program has made the file non-blocking, wait until the file can be written.
    """
    while (written := write(data)) is None:
        time.sleep(_PAUSE_SECONDS)
    return written


@contextmanager
def standard_streams() -> Iterator[None]:
    """Replace the standard streams while the `with` block runs. Keep a stream that other code has already replaced.

    The encoding of the locale may lack some characters. These characters are written as escape sequences. Raises
    OutputError if standard output cannot be written.
    """
    _open_closed_files()
    if sys.stdin is None:  # reading then fails, as for a closed file
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
    before = sys.stdout, sys.stderr
    if sys.stdout is sys.__stdout__:
        sys.stdout = _text(_StandardOutput(1, "w", closefd=False), sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(_StandardError(2, "w", closefd=False), sys.stderr)
    try:
        yield
        sys.stdout.flush()
    except OutputError:
        _discard_output()
        raise
    finally:
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _open_closed_files() -> None:
    """Open /dev/null for each standard stream that the caller has closed.

    Otherwise the next opened file would get the file descriptor of the closed stream. Reading from or writing to such a
    stream still fails, as it does for a closed file.
    """
    for number, flags in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_RDONLY)):
        try:
            os.fstat(number)
        except OSError as error:
            if error.errno == errno.EBADF:
                os.dup2(os.open(os.devnull, flags), number, inheritable=True)


def _text(raw: io.FileIO, like: Any) -> io.TextIOWrapper:
    encoding = getattr(like, "encoding", None) or "utf-8"
    if codecs.lookup(encoding).name == "ascii":  # for such a stream, click opens a stream of its own in UTF-8
        encoding = "utf-8"
    buffered = io.BufferedWriter(raw)
    return SafeStream(buffered, encoding, "backslashreplace", line_buffering=raw.isatty() or raw.fileno() == 2)


def _discard_output() -> None:
    """Redirect standard output to /dev/null, because Python writes the rest of the buffer when it exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
