"""Read the rows of a sweep from a file on this machine or in a store, or from a pipe, which can be read only once."""

from __future__ import annotations

import io
import os
import stat
import sys
import tempfile
from collections.abc import Callable
from typing import BinaryIO, cast

from kubeque.files.rows import parquet
from kubeque.files.store import Files
from kubeque.files.urls import is_folder
from kubeque.model.errors import FileDamaged, FileError, ParametersError
from kubeque.model.rows.formats.csv_reading import unreadable
from kubeque.model.rows.formats.csv_rows import read_csv
from kubeque.model.rows.formats.json_rows import is_json, read_json
from kubeque.model.rows.rows import Rows
from kubeque.model.text import LINE_CHARACTERS, printable

#: Source that the user gives for standard input.
STANDARD_INPUT = "-"
#: Number of bytes at the start of a file from which its format is detected.
_HEAD_BYTES = 1 << 16
#: Maximum size of a file that is read as a whole, bytes: a file in a store, a JSON file, or a Parquet file.
_WHOLE_BYTES = 1 << 30


def read_rows(files: Files, source: str, delimiter: str | None = None) -> Rows:
    """Return the rows of a CSV, JSON Lines or Parquet file. `source`: path or URL of the file.

    `delimiter`: character between the values of CSV text; None: detect the format of the file, and the delimiter from
    the header. Raises ParametersError. Raises StorageError if a store does not answer. Raises MissingExtra for a
    Parquet file if pyarrow is not installed.
    """
    if not is_folder(source):
        try:
            data = files.read(source, _WHOLE_BYTES)
        except FileDamaged as error:
            raise ParametersError(
                f"{source} is larger than {_WHOLE_BYTES >> 20} MiB: copy it to this machine and give the path of"
                " the copy"
            ) from error
        except FileError as error:
            raise ParametersError(f"{error}; give a file that exists and that this user can read") from error
        return _read(lambda: io.BytesIO(data), source, delimiter)
    source = source.removeprefix("file://")
    where = printable(source, LINE_CHARACTERS)
    if _is_read_once(source):
        return _read(_Spool(lambda: open(source, "rb")).open, where, delimiter)
    return _read(lambda: open(source, "rb"), where, delimiter)


def read_rows_of_standard_input(delimiter: str | None = None) -> Rows:
    """Return the rows of the text on standard input. The argument and the errors are those of `read_rows`."""
    if sys.stdin is None:
        raise ParametersError("the rows of -p - come from standard input, which is closed: redirect a file to it")
    return _read(_Spool(lambda: sys.stdin.buffer).open, "standard input", delimiter)


def _read(open_source: Callable[[], BinaryIO], name: str, delimiter: str | None) -> Rows:
    """Return the rows of a source that can be opened several times. `name`: name of the source, for messages.

    `delimiter`: see `read_rows`. If it is None, the format is detected from the first bytes.
    """
    if delimiter is not None:
        return read_csv(open_source, name, delimiter)
    try:
        with open_source() as stream:
            head = stream.read(_HEAD_BYTES)
            if not (is_json(head, name) or head.startswith(parquet.MAGIC)):
                return read_csv(open_source, name)
            data = head + stream.read(_WHOLE_BYTES)
        if len(data) > _WHOLE_BYTES:
            raise ParametersError(f"{name} is over {_WHOLE_BYTES >> 20} MiB: write it as CSV, which is read in parts")
    except (OSError, ValueError) as error:
        raise unreadable(name, error) from error
    return parquet.read(data, name) if data.startswith(parquet.MAGIC) else read_json(data, name)


def _is_read_once(path: str) -> bool:
    """True if a path is a pipe, a named pipe or a device, which can be read only once."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False  # opening the file raises the error
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


class _Spool:
    """A source that can be read only once, made readable several times.

    The bytes of the source are copied to a temporary file without a name while they are read.
    """

    def __init__(self, open_source: Callable[[], BinaryIO]) -> None:
        self._open_source = open_source
        self._source: BinaryIO | None = None
        self._copy: BinaryIO | None = None
        self._size = 0

    def open(self) -> BinaryIO:
        """Return a new reader that begins with the first byte of the source.

        Several readers can be open at the same time. A reader can be closed before its end.
        """
        if self._copy is None:
            self._source = self._open_source()
            # The file stays open while the rows are used.
            self._copy = cast(BinaryIO, tempfile.TemporaryFile(prefix="kubeque-rows-"))  # noqa: SIM115
        return cast(BinaryIO, io.BufferedReader(_Reader(self)))

    def read(self, at: int, size: int) -> bytes:
        """Return at most `size` bytes of the source from position `at`; nothing at its end.

        The bytes read so far are kept in a temporary file. Further bytes are read from the source, and added to this
        file.
        """
        assert self._copy is not None
        assert self._source is not None
        if at < self._size:
            return os.pread(self._copy.fileno(), size, at)
        data = self._source.read(size)
        self._copy.write(data)
        self._copy.flush()
        self._size += len(data)
        return data


class _Reader(io.RawIOBase):
    """A reader of a spool. Each reader has its own position."""

    def __init__(self, spool: _Spool) -> None:
        self._spool = spool
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, target: memoryview, /) -> int:  # type: ignore[override]
        data = self._spool.read(self._at, len(target))
        target[: len(data)] = data
        self._at += len(data)
        return len(data)
