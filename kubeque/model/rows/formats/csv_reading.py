"""One pass over the text of a CSV file. It yields rows of texts, and its errors contain line, column and value."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from kubeque.model.errors import ParametersError
from kubeque.model.rows.formats.delimiter import COMMA, find_delimiter, name_of, read_hint
from kubeque.model.rows.formats.file_formats import describe_format
from kubeque.model.rows.rows import PAGE_BYTES, REMEDY_UTF8, VALUE_BYTES, Row, too_long
from kubeque.model.text import cut, format_count

_BLOCK_BYTES = 1 << 18
#: Maximum size of a row in the file, in bytes. The values of a row have at most 1 MiB. With doubled quotes, their text
#: can be twice as long.
_ROW_BYTES = 4 * PAGE_BYTES
#: Maximum number of skipped lines that a message names.
_LINES_NAMED = 3


def unreadable(name: str, error: OSError | ValueError) -> ParametersError:
    why = getattr(error, "strerror", None) or error
    return ParametersError(f"{name} cannot be read ({why}): give a CSV file that this user can read")


class Reading:
    """One pass over a file. It counts the lines, and computes the digest of the contents.

    `stream`: the open file. `name`: name of the file, for messages. `delimiter`: character between two values; None to
    detect it from the header.
    """

    def __init__(self, stream: BinaryIO, name: str, delimiter: str | None = None) -> None:
        self.digest = hashlib.sha256()
        #: Number of bytes that were read.
        self.size = 0
        #: Number of rows without any value, and the line numbers of the first of these rows. A spreadsheet can write
        #: such rows below a table.
        self.left_out = 0
        self.lines_left_out: list[int] = []
        #: The delimiter in use. If it is not given, it is detected when the first row is read.
        self.delimiter = delimiter or COMMA
        self._is_given = delimiter is not None
        self._stream = stream
        self.name = name
        #: Number of lines that were passed to the CSV parser.
        self._lines_read = 0
        #: Number of the first line of the current row, number of the header's line, text of the current row, and its
        #: length in characters.
        self._row_line = 1
        self.header_line = 1
        self._row_text: list[str] = []
        self._row_size = 0

    def where(self) -> str:
        """Return the name of the file and the line of the current row, for messages."""
        return f"{self.name}, line {self._row_line}"

    def rows(self) -> Iterator[list[str]]:
        """Yield the header and then the rows. Blank lines and lines of only delimiters are left out.

        Raises ParametersError.
        """
        lines = self._lines()
        start = self._read_start(lines)
        try:
            # With `strict`, a missing or misplaced quote is an error.
            for row in csv.reader(itertools.chain(start, lines), strict=True, delimiter=self.delimiter):
                if any(row) or (row and not self._is_only_delimiters()):
                    yield row
                elif row:
                    self._leave_out()
                self._end_row()
        except csv.Error as error:
            raise self._explain_broken_row(str(error)) from error

    def _read_start(self, lines: Iterator[str]) -> list[str]:
        """Find the delimiter, and return a list with the first line that is neither blank nor a line such as `sep=;`.

        Without such a line, return an empty list. A line `sep=;` sets the delimiter. Raises ParametersError if a
        different delimiter was given.
        """
        for line in lines:
            hint = read_hint(line)
            if hint is not None:
                self._check_hint(hint, line)
                self.delimiter, self._is_given = hint, True
            elif line.strip("\r\n"):
                if not self._is_given:
                    self.delimiter = find_delimiter(line.rstrip("\r\n"), self.name)
                self.header_line = self._row_line
                return [line]
            self._end_row()
        return []

    def _check_hint(self, hint: str, line: str) -> None:
        if self._is_given and hint != self.delimiter:
            raise ParametersError(
                f"{self.where()}: {line.strip()!r} names another delimiter ({name_of(hint)}) than the given one"
                f" ({name_of(self.delimiter)}): leave out the given one, or remove this line"
            )

    def _end_row(self) -> None:
        self._row_line = self._lines_read + 1
        self._row_text.clear()
        self._row_size = 0

    def _leave_out(self) -> None:
        self.left_out += 1
        if self.left_out <= _LINES_NAMED:
            self.lines_left_out.append(self._row_line)

    def _is_only_delimiters(self) -> bool:
        """True if the text of the current row is only delimiters. A spreadsheet writes an empty row in this form.

        A row with empty values in quotes does not count as empty.
        """
        return not "".join(self._row_text).strip(f"{self.delimiter}\r\n")

    @property
    def _a_delimiter(self) -> str:
        return f"a {name_of(self.delimiter)}"

    def check_widths(self, rows: Iterator[list[str]], columns: Row) -> Iterator[list[str]]:
        """Yield `rows` unchanged. Raises ParametersError at a row with too few or too many values."""
        width = len(columns)
        for row in rows:
            if len(row) != width:
                raise self._explain_width(row, columns)
            yield row

    def _lines(self) -> Iterator[str]:
        for block in self._blocks():
            # Only LF ends a line. str.splitlines would also split at ten other characters, which a value may contain.
            for line in io.StringIO(block, newline="\n"):
                self._lines_read += 1
                self._row_text.append(line)
                self._row_size += len(line)
                if self._row_size > _ROW_BYTES:
                    raise self._explain_broken_row("the row does not end")
                yield line

    def _blocks(self) -> Iterator[str]:
        """Yield the text of the file in blocks of whole lines. Raises ParametersError if the file is not CSV text."""
        rest, begun = b"", False
        while chunk := self._read():
            if not self.size and (what := describe_format(chunk)):
                raise ParametersError(f"{self.name} is not CSV text: it is {what}")
            self.size += len(chunk)
            self.digest.update(chunk)
            whole, newline, rest = (rest + chunk).rpartition(b"\n")
            if len(rest) > _ROW_BYTES:
                line = self._lines_read + 1 + whole.count(b"\n") + len(newline)
                raise ParametersError(
                    f"{self.name}, line {line} is longer than {_ROW_BYTES >> 20} MiB, so it is not a row of a CSV file:"
                    " give a CSV file"
                )
            if newline:
                yield self._decode(whole + newline, begun)
                begun = True
        if rest:
            yield self._decode(rest, begun)

    def _read(self) -> bytes:
        try:
            return self._stream.read(_BLOCK_BYTES)
        except OSError as error:
            raise unreadable(self.name, error) from error

    def _decode(self, block: bytes, begun: bool) -> str:
        if not begun:
            block = block.removeprefix(codecs.BOM_UTF8)
        try:
            return block.decode()
        except UnicodeDecodeError as error:
            line = self._lines_read + 1 + block.count(b"\n", 0, error.start)
            place, value = f"{self.name}, line {line}", block[error.start : error.start + 10]
            raise ParametersError(f"{place}: the bytes {value!r} are not UTF-8: {REMEDY_UTF8}") from error

    def _explain_width(self, row: Sequence[str], columns: Row) -> ParametersError:
        counts = f"{format_count(len(row), 'value')} for {format_count(len(columns), 'column')}"
        if len(row) < len(columns):
            place = f"the row ends before column {columns[len(row)]!r} (its last value is {cut(row[-1], 40)!r})"
        else:
            place = f"the value {cut(row[len(columns)], 40)!r} is behind the last column, {columns[-1]!r}"
        return ParametersError(
            f"{self.where()}: {counts}: {place}; put a value with {self._a_delimiter} into double quotes"
        )

    def _explain_broken_row(self, reason: str) -> ParametersError:
        """Return the error for a current row that is not CSV.

        The error names the column and the value. The errors of the csv module do not.
        """
        # Groups of a field in quotes: the closing quote (empty if it is missing), and the text after it.
        end = re.escape(self.delimiter)
        pattern = re.compile(rf'"[^"]*(?:""[^"]*)*("?)([^{end}\n]*)|[^{end}\n]*')
        text, at, number = "".join(self._row_text), 0, 0
        place, shown = self.where(), cut(text, 40)
        while at <= len(text):
            field = pattern.match(text, at)
            assert field  # the regular expression also matches an empty text
            number, at = number + 1, field.end() + 1
            place, shown = f"{self.where()}, column {number}", cut(field[0], 40)
            is_open, is_long = field[1] == "", len(field[0]) > VALUE_BYTES
            if is_open and not is_long:
                return ParametersError(
                    f"{place}: the quote of {shown!r} is not closed: add a closing quote, or double the quote"
                )
            if is_long:
                return too_long(shown, place, ", or close the quote" if is_open else "")
            if (field[2] or "").strip("\r") or "\r" in field[0][:-1]:
                break
        remedy = (
            f"end lines with LF or CRLF, put a value with {self._a_delimiter} into quotes, and double a quote inside"
            ' ("")'
        )
        return ParametersError(f"{place}: {shown!r} is not CSV ({reason}): {remedy}")
