"""Rows of a CSV file, read in two passes that need little memory. The text of a cell stays unchanged."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, ClassVar

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import NoRows, ParametersError
from kubeque.model.rows.formats.csv_reading import Reading, unreadable
from kubeque.model.rows.formats.delimiter import COMMA, name_of
from kubeque.model.rows.header import blank_name, check_header
from kubeque.model.rows.rows import Row, RowsSpec, encode_checked, measure
from kubeque.model.text import format_count

_WHOLE_NUMBER = re.compile(r"-?[0-9]+")


@dataclass(frozen=True, slots=True)
class _CsvRows:
    """A valid CSV file. Each iteration over the rows reads the file again."""

    kind: ClassVar[str] = "table"
    types: ClassVar[tuple[str, ...]] = ()
    columns: Row
    n: int
    open_text: Callable[[], BinaryIO]
    #: Name of the file, for messages.
    name: str
    spec: RowsSpec
    #: SHA-256 of the file's contents, which detects a change between two passes.
    file_digest: bytes
    delimiter: str
    #: The column names in the header line of the file, including that of an index column.
    header: Row
    #: Notes about the file for the user, one sentence each.
    notes: tuple[str, ...] = ()

    def to_spec(self) -> RowsSpec:
        return self.spec

    def __iter__(self) -> Iterator[Row]:
        with _open(self.open_text, self.name) as stream:
            reading = Reading(stream, self.name, self.delimiter)
            rows = reading.rows()
            if tuple(next(rows, ())) == self.header:
                yield from map(tuple, _values(reading, rows, self.header))
            if reading.digest.digest() != self.file_digest:
                raise ParametersError(f"{self.name} changed while it was read: submit again")


def read_csv(open_text: Callable[[], BinaryIO], name: str, delimiter: str | None = None) -> _CsvRows:
    """Return the rows of a CSV file: UTF-8 with or without BOM, LF or CRLF, column names in the first line.

    `open_text`: function that opens the file for reading bytes; it is called here and for each pass over the rows.
    `name`: name of the file, for messages. `delimiter`: character between two values; None to detect it from the
    header.

    Blank lines and rows of only delimiters are skipped. A first column without a name is skipped if it contains only
    whole numbers, because pandas writes its index in this form. Raises ParametersError with line and column.
    """
    with _open(open_text, name) as stream:
        reading = Reading(stream, name, delimiter)
        rows = reading.rows()
        header = tuple(next(rows, ()))
        if not header:
            raise ParametersError(f"{name} is empty: write the column names into its first line, then the rows")
        skipped = int(_has_index(header))
        columns = check_header(header[skipped:], reading.where(), first=1 + skipped)
        found = measure(columns, encode_checked(columns, _values(reading, rows, header), lambda _: reading.where()))
        if not found.n:
            raise NoRows(f"{name} has a header and no rows: write at least one row below the header")
    return _CsvRows(
        columns, found.n, open_text, name, RowsSpec(columns, found.n, _CsvRows.kind, found.digest, found.starts),
        reading.digest.digest(), reading.delimiter, header, tuple(_notes(reading, name, delimiter, skipped)),
    )  # fmt: skip


def _has_index(header: Row) -> bool:
    """True if the first column may be an index that pandas wrote: its name is blank."""
    return len(header) > 1 and not header[0].strip()


def _values(reading: Reading, rows: Iterator[list[str]], header: Row) -> Iterator[Sequence[str]]:
    """Yield the values of each row below the header, without the value of an index column."""
    if not _has_index(header):
        yield from reading.check_widths(rows, header)
        return
    for row in reading.check_widths(rows, header):
        if not _WHOLE_NUMBER.fullmatch(row[0]):
            raise blank_name(header[0], f"{reading.name}, line {reading.header_line}", 1)
        yield row[1:]


def _notes(reading: Reading, name: str, given: str | None, skipped: int) -> Iterator[str]:
    """Yield notes about skipped parts of a file, and about a detected delimiter other than the comma.

    `given`: the delimiter that the caller gave; None if it was detected. `skipped`: 1 if an index column was skipped.
    """
    if given is None and reading.delimiter != COMMA:
        yield f"{name}: {name_of(reading.delimiter)}s separate the columns"
    if skipped:
        yield f"{name}: the first column is left out as an index of pandas: it has no name and only whole numbers"
    if count := reading.left_out:
        lines = ", ".join(map(str, reading.lines_left_out))
        more = f" and {count - len(reading.lines_left_out)} more" if count > len(reading.lines_left_out) else ""
        yield f"{name}: left out {format_count(count, 'empty row')} (line {lines}{more})"


def _open(open_text: Callable[[], BinaryIO], name: str) -> BinaryIO:
    try:
        return open_text()
    except (OSError, ValueError) as error:
        raise unreadable(name, error) from error
