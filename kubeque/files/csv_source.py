"""Read rows from a CSV file on this machine or in a store, or from a pipe. A pipe can be read only once."""

from __future__ import annotations

import io
import os
import stat
import sys
import tempfile
from collections.abc import Callable
from typing import BinaryIO, cast

from kubeque.files.store import Files
from kubeque.model.errors import ParametersError
from kubeque.model.rows.csv_rows import read_csv
from kubeque.model.rows.rows import Rows
from kubeque.model.text import LINE_CHARACTERS, printable

#: Name of the source that means standard input.
STANDARD_INPUT = "-"


def read_rows(files: Files, source: str) -> Rows:
    """Return the rows of the CSV file at a path or a URL. Raises ParametersError, StorageError."""
    if "://" in source:
        data = files.read(source)
        return read_csv(lambda: io.BytesIO(data), source)
    where = printable(source, LINE_CHARACTERS)
    if _is_read_once(source):
        return read_csv(_Spool(lambda: open(source, "rb")).open, where)
    return read_csv(lambda: open(source, "rb"), where)


def read_rows_of_standard_input() -> Rows:
    """Return the rows of the CSV text on standard input. Raises ParametersError."""
    if sys.stdin is None:
        raise ParametersError("the rows of -p - come from standard input, which is closed: redirect a file to it")
    return read_csv(_Spool(lambda: sys.stdin.buffer).open, "standard input")


def _is_read_once(path: str) -> bool:
    """True for a pipe, a named pipe or a device."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False  # opening the file raises the error
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


class _Spool:
    """A source that can be read only once. The first pass copies it into a temporary file without a name."""

    def __init__(self, open_source: Callable[[], BinaryIO]) -> None:
        self._open_source = open_source
        self._copy: BinaryIO | None = None

    def open(self) -> BinaryIO:
        """Return the source itself in the first call. In later calls, return the copy that the first pass made."""
        if self._copy is None:
            # The file stays open while the rows are used.
            self._copy = cast(BinaryIO, tempfile.TemporaryFile(prefix="kubeque-rows-"))  # noqa: SIM115
            return cast(BinaryIO, _Tee(self._open_source(), self._copy))
        self._copy.flush()
        return cast(BinaryIO, io.BufferedReader(_Reread(self._copy.fileno())))


class _Tee(io.RawIOBase):
    """A reader of `source` that also writes to `copy` what it reads."""

    def __init__(self, source: BinaryIO, copy: BinaryIO) -> None:
        self._source = source
        self._copy = copy

    def read(self, size: int = -1, /) -> bytes:
        data = self._source.read(size)
        self._copy.write(data)
        return data

    def close(self) -> None:
        self._source.close()
        super().close()


class _Reread(io.RawIOBase):
    """A reader of an open file that has its own position, so that several passes may overlap."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, target: memoryview, /) -> int:  # type: ignore[override]
        data = os.pread(self._number, len(target), self._at)
        target[: len(data)] = data
        self._at += len(data)
        return len(data)
