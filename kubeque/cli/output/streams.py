"""The standard streams of the command. All text is printed through this module.

No text from outside controls the terminal or reorders the text around it. An error of standard output becomes one line.
Any character can be written.
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
    """A text stream that replaces characters that a terminal obeys. Only `write_own` writes such characters."""

    def write(self, text: str, /) -> int:
        super().write(safe_text(text))
        return len(text)

    def write_own(self, text: str) -> int:
        """Write text with escape sequences of kubeque itself. The caller makes the other parts of the text safe."""
        return super().write(text)


class OutputError(KubequeError):
    """Standard output cannot be written: it is closed, its reader has left, or its disk is full."""

    #: Exit code EX_IOERR of sysexits.h. The code 1 would mean failed tasks.
    exit_code = 74

    @property
    def reader_left(self) -> bool:
        """True if a reader such as `head` has closed the pipe."""
        return isinstance(self.__cause__, BrokenPipeError)


class _StandardOutput(io.FileIO):
    """Standard output. Raises OutputError, so that its errors differ from the errors of files."""

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
    """Write text with colours of kubeque itself to a terminal. The caller makes the other parts of the text safe."""
    (stream.write_own if isinstance(stream, SafeStream) else stream.write)(text)
    stream.flush()


def write_data(text: str) -> None:
    """Write data to standard output: exactly, in UTF-8, unless standard output is a terminal."""
    if sys.stdout.isatty():
        sys.stdout.write(text)
    else:
        sys.stdout.buffer.write(text.encode())


def _write_waiting(write: Callable[[Any], int | None], data: Any) -> int:
    """Write once. If a different program has made the file non-blocking, wait until the file can be written."""
    while (written := write(data)) is None:
        time.sleep(_PAUSE_SECONDS)
    return written


@contextmanager
def standard_streams() -> Iterator[None]:
    """Replace the standard streams during this block, unless calling Python code has already replaced them.

    Characters that are missing in the encoding of the locale are written as escape sequences.
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

    Otherwise the next opened file would get the file descriptor of that stream. Reading or writing such a stream fails,
    as for a closed file.
    """
    for number, flags in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_RDONLY)):
        try:
            os.fstat(number)
        except OSError as error:
            if error.errno == errno.EBADF:
                os.dup2(os.open(os.devnull, flags), number, inheritable=True)


def _text(raw: io.FileIO, like: Any) -> io.TextIOWrapper:
    encoding = getattr(like, "encoding", None) or "utf-8"
    if codecs.lookup(encoding).name == "ascii":  # click writes UTF-8 then, past this stream
        encoding = "utf-8"
    buffered = io.BufferedWriter(raw)
    return SafeStream(buffered, encoding, "backslashreplace", line_buffering=raw.isatty() or raw.fileno() == 2)


def _discard_output() -> None:
    """Redirect standard output to /dev/null, because Python writes the rest of the buffer when it exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
