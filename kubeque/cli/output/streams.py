"""The standard streams of the command: an error of standard output becomes one line, and any character can be
written."""

from __future__ import annotations

import errno
import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from kubeque.model.errors import KubequeError

#: Seconds between two attempts to write to a pipe that is full and does not block.
_PAUSE_SECONDS = 0.01


class OutputError(KubequeError):
    """Standard output cannot be written: it is closed, its reader has left, or its disk is full."""

    #: EX_IOERR of sysexits.h. The code 1 would mean failed tasks.
    exit_code = 74

    @property
    def reader_left(self) -> bool:
        """True if a reader such as `head` has read all it wanted."""
        return isinstance(self.__cause__, BrokenPipeError)


class _StandardOutput(io.FileIO):
    """File descriptor 1, whose errors differ from those of other files. Raises OutputError."""

    def write(self, data: Any, /) -> int:
        try:
            return _write_waiting(super().write, data)
        except OSError as error:
            raise OutputError(
                f"standard output cannot be written ({error.strerror}): name a file with room, or a program that reads"
            ) from error


class _StandardError(io.FileIO):
    """Standard error. A message that cannot be written is lost, because no other stream takes messages."""

    def write(self, data: Any, /) -> int:
        with suppress(OSError):
            return _write_waiting(super().write, data)
        return len(data)


def _write_waiting(write: Callable[[Any], int | None], data: Any) -> int:
    """Write once. If another program has made the file non-blocking, wait until it can be written."""
    while (written := write(data)) is None:
        time.sleep(_PAUSE_SECONDS)
    return written


@contextmanager
def standard_streams() -> Iterator[None]:
    """Replace the standard streams during this block, unless a caller of Python has replaced them already.

    A character that the locale does not have is written as an escape sequence.
    """
    _open_closed_files()
    if sys.stdin is None:  # reading fails then, as it does for a closed file
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
    """Open the standard files that the caller has closed: otherwise the next open file would get one of their numbers.

    Writing to them then fails, as it does for a closed file.
    """
    for number, flags in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_RDONLY)):
        try:
            os.fstat(number)
        except OSError as error:
            if error.errno == errno.EBADF:
                os.dup2(os.open(os.devnull, flags), number, inheritable=True)


def _text(raw: io.FileIO, like: Any) -> io.TextIOWrapper:
    encoding = getattr(like, "encoding", None) or "utf-8"
    buffered = io.BufferedWriter(raw)
    return io.TextIOWrapper(buffered, encoding, "backslashreplace", line_buffering=raw.isatty() or raw.fileno() == 2)


def _discard_output() -> None:
    """Connect standard output to /dev/null, because Python writes the rest of its buffer when it exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
