"""Rows read from CSV text, in two passes and in little memory; what stands in a cell stays as it is written."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from kubeque.model.errors import ParametersError
from kubeque.model.rows.rows import (
    PAGE_BYTES,
    REMEDY_UTF8,
    VALUE_BYTES,
    Row,
    RowsSpec,
    check_header,
    encode_checked,
    measure,
    too_long,
)
from kubeque.model.text import cut

_BLOCK_BYTES = 1 << 18
#: A row is at most 1 MiB, written with every quote doubled at most twice that; what is longer is no table.
_ROW_BYTES = 4 * PAGE_BYTES
#: One field of a row as written; the groups are its closing quote, empty where that is not there, and what follows it.
_FIELD = re.compile(r'"[^"]*(?:""[^"]*)*("?)([^,\n]*)|[^,\n]*')


@dataclass(frozen=True, slots=True)
class _CsvRows:
    """A CSV file that was found good; its text is read again whenever its rows are asked for."""

    kind: ClassVar[str] = "table"
    columns: Row
    n: int
    open_text: Callable[[], BinaryIO]
    #: What messages call the file.
    name: str
    spec: RowsSpec
    #: SHA-256 of the file's bytes: tells whether it is still what it was.
    file_digest: bytes

    def to_spec(self) -> RowsSpec:
        return self.spec

    def __iter__(self) -> Iterator[Row]:
        with _opened(self.open_text, self.name) as stream:
            reading = _Reading(stream, self.name)
            rows = reading.rows()
            if tuple(next(rows, ())) == self.columns:
                yield from map(tuple, reading.even(rows, self.columns))
            if reading.digest.digest() != self.file_digest:
                raise ParametersError(f"{self.name} changed while it was read: submit again")


def read_csv(open_text: Callable[[], BinaryIO], name: str) -> _CsvRows:
    """The rows of a CSV file: UTF-8 with or without BOM, lines ending in LF or CRLF, the first one naming the columns.

    `open_text` opens the file for reading bytes; it is called once here and once for every pass over the rows.
    `name` is what messages call it. Blank lines are left out. Raises ParametersError naming line and column.
    """
    with _opened(open_text, name) as stream:
        reading = _Reading(stream, name)
        rows = reading.rows()
        header = next(rows, None)
        if header is None:
            raise ParametersError(f"{name} is empty: write the names of the columns into its first line, then the rows")
        columns = check_header(header, reading.where())
        found = measure(columns, encode_checked(columns, reading.even(rows, columns), lambda _: reading.where()))
        if not found.n:
            raise ParametersError(f"{name} has a header and no rows, a sweep of 0 rows: write at least one below it")
    spec = RowsSpec(columns, found.n, _CsvRows.kind, found.digest, found.starts)
    return _CsvRows(columns, found.n, open_text, name, spec, reading.digest.digest())


def _opened(open_text: Callable[[], BinaryIO], name: str) -> BinaryIO:
    try:
        return open_text()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        why = error.strerror or type(error).__name__
        raise ParametersError(f"{name} cannot be read ({why}): name a CSV file that you may read") from error


class _Reading:
    """One pass over a file: it knows on which line it is and digests what it reads."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.digest = hashlib.sha256()
        self._stream = stream
        self._name = name
        #: Lines handed out so far.
        self._lines_read = 0
        #: The line on which the present row begins, its text so far and how much that is.
        self._row_line = 1
        self._row_text: list[str] = []
        self._row_size = 0

    def where(self) -> str:
        return f"{self._name}, line {self._row_line}"

    def rows(self) -> Iterator[list[str]]:
        """All rows, the header too, blank lines not."""
        try:
            # strict: a quote that is not closed or stands in the wrong place is an error, never a guess.
            for row in csv.reader(self._lines(), strict=True):
                if row:
                    yield row
                self._row_line = self._lines_read + 1
                self._row_text.clear()
                self._row_size = 0
        except csv.Error as error:
            raise self._broken(str(error)) from error

    def even(self, rows: Iterator[list[str]], columns: Row) -> Iterator[list[str]]:
        """`rows`, as long as each has a value for every column."""
        width = len(columns)
        for row in rows:
            if len(row) != width:
                raise self._ragged(row, columns)
            yield row

    def _lines(self) -> Iterator[str]:
        for block in self._blocks():
            # Only LF ends a line here: str.splitlines knows ten more characters that may stand in a value.
            for line in io.StringIO(block, newline="\n"):
                self._lines_read += 1
                self._row_text.append(line)
                self._row_size += len(line)
                if self._row_size > _ROW_BYTES:
                    raise self._broken("the row does not end")
                yield line

    def _blocks(self) -> Iterator[str]:
        """The text in blocks of whole lines."""
        rest, begun = b"", False
        while chunk := self._stream.read(_BLOCK_BYTES):
            self.digest.update(chunk)
            whole, newline, rest = (rest + chunk).rpartition(b"\n")
            if len(rest) > _ROW_BYTES:
                line = self._lines_read + 1 + whole.count(b"\n") + len(newline)
                raise ParametersError(f"{self._name}, line {line}: over {_ROW_BYTES >> 20} MiB long, no CSV file")
            if newline:
                yield self._decode(whole + newline, begun)
                begun = True
        if rest:
            yield self._decode(rest, begun)

    def _decode(self, block: bytes, begun: bool) -> str:
        if not begun:
            block = block.removeprefix(codecs.BOM_UTF8)
        try:
            return block.decode()
        except UnicodeDecodeError as error:
            line = self._lines_read + 1 + block.count(b"\n", 0, error.start)
            place, value = f"{self._name}, line {line}", block[error.start : error.start + 10]
            raise ParametersError(f"{place}: the bytes {value!r} are not UTF-8: {REMEDY_UTF8}") from error

    def _ragged(self, row: Sequence[str], columns: Row) -> ParametersError:
        counts = f"{len(row)} value{'s' * (len(row) > 1)} for {len(columns)} column{'s' * (len(columns) > 1)}"
        if len(row) < len(columns):
            place = f"the row ends before column {columns[len(row)]!r} (its last value is {cut(row[-1], 40)!r})"
        else:
            place = f"after column {columns[-1]!r} comes one more value, {cut(row[len(columns)], 40)!r}"
        return ParametersError(f"{self.where()}: {counts}: {place}; a value with a comma goes into double quotes")

    def _broken(self, reason: str) -> ParametersError:
        """Why the row at hand cannot be read: csv itself names neither column nor value."""
        text, at, number = "".join(self._row_text), 0, 0
        place, shown = self.where(), cut(text, 40)
        while at <= len(text):
            field = _FIELD.match(text, at)
            assert field  # it matches nothing as well
            number, at = number + 1, field.end() + 1
            place, shown = f"{self.where()}, column {number}", cut(field[0], 40)
            is_open, is_long = field[1] == "", len(field[0]) > VALUE_BYTES
            if is_open and not is_long:
                return ParametersError(f"{place}: the quote of {shown!r} is never closed: close it, or write it twice")
            if is_long:
                return too_long(shown, place, ", or close its quote" if is_open else "")
            if (field[2] or "").strip("\r") or "\r" in field[0][:-1]:
                break
        remedy = 'end lines with LF or CRLF, quote a value that has a comma, and write a quote in it twice ("")'
        return ParametersError(f"{place}: {shown!r} is not CSV ({reason}): {remedy}")
