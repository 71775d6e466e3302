"""Rows of a CSV file, read in two passes with little memory. The text of a cell stays unchanged."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from kubeque.model.errors import NoRows, ParametersError
from kubeque.model.rows.file_formats import describe_format, describe_separator
from kubeque.model.rows.header import check_header
from kubeque.model.rows.rows import (
    PAGE_BYTES,
    REMEDY_UTF8,
    VALUE_BYTES,
    Row,
    RowsSpec,
    encode_checked,
    measure,
    too_long,
)
from kubeque.model.text import cut

_BLOCK_BYTES = 1 << 18
#: Maximum size of a row in the file, bytes. The values of a row have at most 1 MiB, and doubled quotes can double the
#: size.
_ROW_BYTES = 4 * PAGE_BYTES
#: One field in the file. Groups: the closing quote (empty if missing) and the text after it.
_FIELD = re.compile(r'"[^"]*(?:""[^"]*)*("?)([^,\n]*)|[^,\n]*')


@dataclass(frozen=True, slots=True)
class _CsvRows:
    """A valid CSV file. Each iteration over the rows reads the file again."""

    kind: ClassVar[str] = "table"
    types: ClassVar[tuple[str, ...]] = ()
    columns: Row
    n: int
    open_text: Callable[[], BinaryIO]
    #: Name of the file in messages.
    name: str
    spec: RowsSpec
    #: SHA-256 of the file's contents, to detect a change between two passes.
    file_digest: bytes
    #: Number of lines without any value. Such lines are not rows of the sweep.
    left_out: int = 0

    def to_spec(self) -> RowsSpec:
        return self.spec

    def __iter__(self) -> Iterator[Row]:
        with _open(self.open_text, self.name) as stream:
            reading = _Reading(stream, self.name)
            rows = reading.rows()
            if tuple(next(rows, ())) == self.columns:
                yield from map(tuple, reading.check_widths(rows, self.columns))
            if reading.digest.digest() != self.file_digest:
                raise ParametersError(f"{self.name} changed while it was read: submit again")


def read_csv(open_text: Callable[[], BinaryIO], name: str) -> _CsvRows:
    """Return the rows of a CSV file in UTF-8, with column names in the first line. A BOM and CRLF are accepted.

    `open_text`: function that opens the file for reading bytes. It is called here and for each pass over the rows.
    `name`: name of the file in messages. Blank lines and rows of only commas are skipped. Raises ParametersError, which
    names line and column.
    """
    with _open(open_text, name) as stream:
        reading = _Reading(stream, name)
        rows = reading.rows()
        header = next(rows, None)
        if header is None:
            raise ParametersError(f"{name} is empty: write the column names into its first line, then the rows")
        if problem := describe_separator(header):
            raise ParametersError(f"{reading.where()}: {problem}")
        columns = check_header(header, reading.where())
        found = measure(
            columns, encode_checked(columns, reading.check_widths(rows, columns), lambda _: reading.where())
        )
        if not found.n:
            raise NoRows(f"{name} has a header and no rows: write at least one row below the header")
    spec = RowsSpec(columns, found.n, _CsvRows.kind, found.digest, found.starts)
    return _CsvRows(columns, found.n, open_text, name, spec, reading.digest.digest(), reading.left_out)


def _open(open_text: Callable[[], BinaryIO], name: str) -> BinaryIO:
    try:
        return open_text()
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: OSError | ValueError) -> ParametersError:
    why = getattr(error, "strerror", None) or error
    return ParametersError(f"{name} cannot be read ({why}): name a CSV file that you may read")


class _Reading:
    """One pass over a file. It counts lines and computes the digest."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.digest = hashlib.sha256()
        #: Number of bytes read so far.
        self.size = 0
        #: Number of rows without any value. Spreadsheets write such rows below a table.
        self.left_out = 0
        self._stream = stream
        self._name = name
        #: Number of lines passed to the CSV parser.
        self._lines_read = 0
        #: The current row: number of its first line, its lines, and its number of characters.
        self._row_line = 1
        self._row_text: list[str] = []
        self._row_size = 0

    def where(self) -> str:
        """Return file and line of the current row, for messages."""
        return f"{self._name}, line {self._row_line}"

    def rows(self) -> Iterator[list[str]]:
        """Yield the header and all rows. Skip blank lines and lines of only commas."""
        try:
            # strict: a missing or misplaced quote is an error.
            for row in csv.reader(self._lines(), strict=True):
                if any(row) or (row and not self._is_only_commas()):
                    yield row
                elif row:
                    self.left_out += 1
                self._row_line = self._lines_read + 1
                self._row_text.clear()
                self._row_size = 0
        except csv.Error as error:
            raise self._explain_broken_row(str(error)) from error

    def _is_only_commas(self) -> bool:
        """True if the current row has only commas. Spreadsheets write such rows. Empty values in quotes are a row."""
        return not "".join(self._row_text).strip(",\r\n")

    def check_widths(self, rows: Iterator[list[str]], columns: Row) -> Iterator[list[str]]:
        """Yield `rows`. Raise ParametersError at a row with too few or too many values."""
        width = len(columns)
        for row in rows:
            if len(row) != width:
                raise self._explain_width(row, columns)
            yield row

    def _lines(self) -> Iterator[str]:
        for block in self._blocks():
            # Only LF ends a line. str.splitlines would also split at ten other characters, which a value can contain.
            for line in io.StringIO(block, newline="\n"):
                self._lines_read += 1
                self._row_text.append(line)
                self._row_size += len(line)
                if self._row_size > _ROW_BYTES:
                    raise self._explain_broken_row("the row does not end")
                yield line

    def _blocks(self) -> Iterator[str]:
        """Yield the text in blocks of whole lines."""
        rest, begun = b"", False
        while chunk := self._read():
            if not self.size and (what := describe_format(chunk)):
                raise ParametersError(f"{self._name} is not CSV text: it is {what}")
            self.size += len(chunk)
            self.digest.update(chunk)
            whole, newline, rest = (rest + chunk).rpartition(b"\n")
            if len(rest) > _ROW_BYTES:
                line = self._lines_read + 1 + whole.count(b"\n") + len(newline)
                raise ParametersError(f"{self._name}, line {line}: over {_ROW_BYTES >> 20} MiB, not a CSV file")
            if newline:
                yield self._decode(whole + newline, begun)
                begun = True
        if rest:
            yield self._decode(rest, begun)

    def _read(self) -> bytes:
        try:
            return self._stream.read(_BLOCK_BYTES)
        except OSError as error:
            raise _unreadable(self._name, error) from error

    def _decode(self, block: bytes, begun: bool) -> str:
        if not begun:
            block = block.removeprefix(codecs.BOM_UTF8)
        try:
            return block.decode()
        except UnicodeDecodeError as error:
            line = self._lines_read + 1 + block.count(b"\n", 0, error.start)
            place, value = f"{self._name}, line {line}", block[error.start : error.start + 10]
            raise ParametersError(f"{place}: the bytes {value!r} are not UTF-8: {REMEDY_UTF8}") from error

    def _explain_width(self, row: Sequence[str], columns: Row) -> ParametersError:
        counts = f"{len(row)} value{'s' * (len(row) > 1)} for {len(columns)} column{'s' * (len(columns) > 1)}"
        if len(row) < len(columns):
            place = f"the row ends before column {columns[len(row)]!r} (its last value is {cut(row[-1], 40)!r})"
        else:
            place = f"after column {columns[-1]!r} is one more value, {cut(row[len(columns)], 40)!r}"
        return ParametersError(f"{self.where()}: {counts}: {place}; put a value with a comma into double quotes")

    def _explain_broken_row(self, reason: str) -> ParametersError:
        """Return the error for the current row. It names column and value, because errors of the csv module do not."""
        text, at, number = "".join(self._row_text), 0, 0
        place, shown = self.where(), cut(text, 40)
        while at <= len(text):
            field = _FIELD.match(text, at)
            assert field  # the regular expression also matches an empty text
            number, at = number + 1, field.end() + 1
            place, shown = f"{self.where()}, column {number}", cut(field[0], 40)
            is_open, is_long = field[1] == "", len(field[0]) > VALUE_BYTES
            if is_open and not is_long:
                return ParametersError(f"{place}: the quote of {shown!r} is not closed: close it, or double it")
            if is_long:
                return too_long(shown, place, ", or close its quote" if is_open else "")
            if (field[2] or "").strip("\r") or "\r" in field[0][:-1]:
                break
        remedy = 'end lines with LF or CRLF, put a value with a comma into quotes, and double a quote inside ("")'
        return ParametersError(f"{place}: {shown!r} is not CSV ({reason}): {remedy}")
