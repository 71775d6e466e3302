"""Rows of a sweep: what they promise, which values they may hold, how they are paged and how one is read back."""

from __future__ import annotations

import hashlib
import itertools
import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from kubeque.model.errors import ParametersError, StorageError
from kubeque.model.text import cut

#: A page holds at most so many rows,
PAGE_ROWS = 1_000
#: and at most so many bytes of JSON text.
PAGE_BYTES = 1 << 20
#: The longest value, in bytes of UTF-8: Linux gives one argument 128 KiB and no more.
VALUE_BYTES = 120 * 1024
REMEDY_UTF8 = "save it as UTF-8"
#: Every row has it: the task's number, counted from 0.
INDEX = "index"

Row = tuple[str, ...]
#: Number of a page -> its rows.
ReadPage = Callable[[int], Sequence[Sequence[str]]]

_quoted = json.JSONEncoder(ensure_ascii=False).encode


class Rows(Protocol):
    """The rows of a sweep, all of text. They can be gone through many times and need not be in memory."""

    @property
    def columns(self) -> Row: ...

    @property
    def n(self) -> int: ...

    @property
    def kind(self) -> str:
        """As in RowsSpec: "table", "grid" or "sequence"."""

    def __iter__(self) -> Iterator[Row]: ...

    def to_spec(self) -> RowsSpec:
        """What a job's spec keeps of them. May go through all rows once."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What one pass over rows tells."""

    n: int
    #: SHA-256 over columns and values, hex.
    digest: str
    #: First index of each page.
    starts: tuple[int, ...]


def encode_row(row: Sequence[str]) -> bytes:
    """One row as JSON text without any newline. Raises UnicodeEncodeError for what is not text (lone surrogates)."""
    return f"[{','.join(map(_quoted, row))}]".encode()


def measure(columns: Row, encoded: Iterable[bytes]) -> Measure:
    """Counts, digests and pages rows that `encode_row` made: JSON without newlines, so the framing is unambiguous."""
    digest = hashlib.sha256(encode_row(columns) + b"\n")
    starts: list[int] = []
    n = rows_left = bytes_left = 0
    for row in encoded:
        size = len(row) + 1  # the comma or bracket that follows it
        if not rows_left or size > bytes_left:
            starts.append(n)
            rows_left, bytes_left = PAGE_ROWS, PAGE_BYTES - 1  # the first bracket
        rows_left, bytes_left = rows_left - 1, bytes_left - size
        digest.update(row + b"\n")
        n += 1
    return Measure(n, digest.hexdigest(), tuple(starts))


def encode_checked(columns: Row, rows: Iterable[Sequence[str]], locate: Callable[[int], str]) -> Iterator[bytes]:
    """Each row as JSON text, once it is known to be fit for a program.

    `locate` says in words where the row of an index stands. Raises ParametersError.
    """
    for index, row in enumerate(rows):
        if index >= MAX_TASKS:
            raise ParametersError(f"{locate(index)}: more than {MAX_TASKS} rows: split them over several sweeps")
        try:
            encoded = encode_row(row)
        except UnicodeEncodeError:
            check_values(columns, row, locate(index))
            raise
        # Every long or broken value shows in the text of the whole row, which is quicker to look at.
        if len(encoded) > VALUE_BYTES or b"\\u0000" in encoded:
            check_values(columns, row, locate(index))
        if len(encoded) + 2 > PAGE_BYTES:
            raise too_wide(locate(index))
        yield encoded


def check_values(columns: Sequence[str], row: Sequence[str], where: str) -> None:
    """Raises ParametersError for a value that no program can be given."""
    for column, value in zip(columns, row, strict=True):
        check_value(value, f"{where}, column {column!r}")


def check_value(value: str, where: str) -> None:
    """Raises ParametersError if `value` is no text, has a NUL or is over VALUE_BYTES."""
    shown = cut(value, 40)
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:
        raise ParametersError(f"{where}: the value {shown!r} is not UTF-8 text: {REMEDY_UTF8}") from error
    if "\0" in value:
        raise ParametersError(f"{where}: the value {shown!r} has a NUL, which no program can be given: remove it")
    if size > VALUE_BYTES:
        raise too_long(shown, where)


def too_wide(where: str) -> ParametersError:
    return ParametersError(f"{where}: a row over {PAGE_BYTES >> 20} MiB: put large values into files and name those")


def too_long(shown: str, where: str, hint: str = "") -> ParametersError:
    return ParametersError(
        f"{where}: the value {shown!r} is over {VALUE_BYTES >> 10} KiB, more than a program can be given: "
        f"put it into a file and name that{hint}"
    )


def check_header(columns: Sequence[object], where: str) -> Row:
    """The columns, once their names are known to be good. Raises ParametersError."""
    seen: dict[str, int] = {}
    for number, name in enumerate(columns, 1):
        at = f"{where}, column {number}"
        if not isinstance(name, str):
            raise ParametersError(f"{at}: the name {name!r} is no string: rename it, as in str({name!r})")
        if not name.strip():
            raise ParametersError(f"{at}: the header is blank ({name!r}): give the column a name")
        if name == INDEX:
            raise ParametersError(f"{at}: the name {INDEX!r} is reserved for the number of the row: rename the column")
        if name in seen:
            raise ParametersError(f"{at}: the name {name!r} is taken by column {seen[name]}: rename one of the two")
        check_value(name, at)
        seen[name] = number
    return tuple(seen)


def pages(rows: Rows) -> Iterator[list[Row]]:
    """All rows in pages of at most PAGE_ROWS rows and PAGE_BYTES; for a table, page k begins at `starts[k]`."""
    spec = rows.to_spec()
    starts = spec.starts if spec.kind == "table" else measure(rows.columns, map(encode_row, rows)).starts
    source = iter(rows)
    for low, high in itertools.pairwise((*starts, rows.n)):
        yield list(itertools.islice(source, high - low))
    # To the very end: a file tells there that it changed since it was measured.
    for _ in source:
        raise ParametersError(f"there are more rows than the {rows.n} counted before: submit again")


def encode_page(rows: Iterable[Sequence[str]]) -> bytes:
    """A page as it is stored: a JSON list of lists of strings."""
    return b"[" + b",".join(map(encode_row, rows)) + b"]"


def decode_page(data: bytes) -> list[Row]:
    """The rows of a stored page. Raises StorageError if it is damaged."""
    try:
        return [tuple(row) for row in json.loads(data)]
    except (ValueError, TypeError) as error:
        raise StorageError(f"a page of rows ({len(data)} bytes) is damaged ({error}): submit again") from error


def read_row(spec: RowsSpec, index: int, page: ReadPage) -> dict[str, str]:
    """The values of row `index` by column, and `index` itself.

    `page` is called for a table only, with the number of one page. Raises ParametersError where there is no such row,
    StorageError where the page is not the one that the spec tells of.
    """
    if not 0 <= index < spec.n:
        raise ParametersError(f"there is no row {index}: the sweep has the rows 0 to {spec.n - 1}")
    if spec.kind == "table":
        number = bisect_right(spec.starts, index) - 1
        return _named(spec, index, _page_of(spec, number, page)[index - spec.starts[number]])
    return _named(spec, index, computed_row(spec.axes, index))


def iter_rows(spec: RowsSpec, page: ReadPage) -> Iterator[dict[str, str]]:
    """All rows in order, as `read_row` gives them; each page is read once."""
    values: Iterable[Sequence[str]]
    if spec.kind == "table":
        values = itertools.chain.from_iterable(_page_of(spec, k, page) for k in range(len(spec.starts)))
    else:
        values = itertools.product(*spec.axes) if spec.axes else itertools.repeat((), spec.n)
    for index, row in enumerate(values):
        yield _named(spec, index, row)


def computed_row(axes: Sequence[Sequence[str]], index: int) -> Row:
    """Row `index` of a grid, whose last axis turns fastest."""
    row: list[str] = []
    for axis in reversed(axes):
        index, place = divmod(index, len(axis))
        row.append(axis[place])
    return tuple(reversed(row))


def _page_of(spec: RowsSpec, number: int, page: ReadPage) -> Sequence[Sequence[str]]:
    bounds = (*spec.starts[number : number + 2], spec.n)
    rows = page(number)
    if len(rows) != bounds[1] - bounds[0]:
        raise StorageError(f"page {number} has {len(rows)} rows, not {bounds[1] - bounds[0]}: submit again")
    return rows


def _named(spec: RowsSpec, index: int, row: Sequence[str]) -> dict[str, str]:
    if len(row) != len(spec.columns):
        raise StorageError(f"row {index} has {len(row)} values, not {len(spec.columns)}: submit again")
    return {**dict(zip(spec.columns, row, strict=True)), INDEX: str(index)}


#: 21 bits each for ok, failed and running in a block's packed tally.
MAX_TASKS = (1 << 21) - 1


@dataclass(frozen=True, slots=True)
class RowsSpec:
    """The rows of a sweep, as they are stored. Rows themselves are read with `model.parameters.read_row`."""

    columns: tuple[str, ...]
    n: int
    #: "table" (pages in the store), "grid" (computed) or "sequence" (computed).
    kind: str
    #: SHA-256 over columns and values: equal for equal rows.
    digest: str
    #: table: first index of each page, beginning with 0.
    starts: tuple[int, ...] = ()
    #: grid: the values of each axis, as text; the last axis turns fastest.
    axes: tuple[tuple[str, ...], ...] = ()
