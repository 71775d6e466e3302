"""The rows of a sweep: their protocol, the limits of values, the pages of rows, and the reading of one row."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import FileDamaged, ParametersError
from kubeque.model.rows.value_types import TEXT, to_value, unfold
from kubeque.model.text import cut

#: Maximum number of rows in a page.
PAGE_ROWS = 1_000
#: Maximum size of a page as JSON text, in bytes.
PAGE_BYTES = 1 << 20
#: Maximum size of a value in bytes of UTF-8, because Linux limits one argument of a program to 128 KiB.
VALUE_BYTES = 120 * 1024
REMEDY_UTF8 = "save it as UTF-8"
#: Reserved column: the number of the task, from 0.
INDEX = "index"

Row = tuple[str, ...]
#: Function that takes the number of a page and returns the rows of this page.
ReadPage = Callable[[int], Sequence[Sequence[str]]]

#: Function that returns a text as JSON. JSONEncoder(ensure_ascii=False) uses the same function.
_quoted = json.encoder.encode_basestring


class Rows(Protocol):
    """The rows of a sweep. All values are texts. Rows can be read repeatedly, and do not have to be in memory."""

    @property
    def columns(self) -> Row: ...

    @property
    def n(self) -> int: ...

    @property
    def kind(self) -> str:
        """Kind of RowsSpec: "table", "grid" or "sequence"."""

    @property
    def types(self) -> Row:
        """Types of the values of each column or axis, in the form of RowsSpec; () if all values are texts."""

    def __iter__(self) -> Iterator[Row]: ...

    def to_spec(self) -> RowsSpec:
        """Return the part that a job's spec stores. This call may read all rows once."""


@dataclass(frozen=True, slots=True)
class Measure:
    """The results of one pass over the rows."""

    #: Number of rows.
    n: int
    #: SHA-256 (hex) of the columns and values.
    digest: str
    #: First index of each page.
    starts: tuple[int, ...]


def encode_row(row: Sequence[str]) -> bytes:
    """Return one row as JSON without newlines. Raises UnicodeEncodeError for lone surrogates."""
    return f"[{','.join(map(_quoted, row))}]".encode()


def measure(columns: Row, encoded: Iterable[bytes]) -> Measure:
    """Return the number of rows, their digest, and the first index of each page.

    `encoded`: rows from `encode_row`. Encoded rows contain no newlines, so the digest is unambiguous.
    """
    digest = hashlib.sha256(encode_row(columns) + b"\n")
    starts: list[int] = []
    n = rows_left = bytes_left = 0
    for row in encoded:
        size = len(row) + 1  # 1: the comma or bracket after the row
        if not rows_left or size > bytes_left:
            starts.append(n)
            rows_left, bytes_left = PAGE_ROWS, PAGE_BYTES - 1  # 1: the first bracket
        rows_left, bytes_left = rows_left - 1, bytes_left - size
        digest.update(row + b"\n")
        n += 1
    return Measure(n, digest.hexdigest(), tuple(starts))


def encode_checked(columns: Row, rows: Iterable[Sequence[str]], locate: Callable[[int], str]) -> Iterator[bytes]:
    """Check the values of each row, and yield the row as JSON text. Raises ParametersError.

    `locate`: function that takes the index of a row and returns its position for messages.
    """
    for index, row in enumerate(rows):
        if index >= MAX_TASKS:
            raise ParametersError(f"{locate(index)}: more than {MAX_TASKS} rows: split them into several sweeps")
        try:
            encoded = encode_row(row)
        except UnicodeEncodeError:
            check_values(columns, row, locate(index))
            raise
        # The encoded row shows if a value can be too long or contain a NUL. This is faster than a check of each value.
        if len(encoded) > VALUE_BYTES or b"\\u0000" in encoded:
            check_values(columns, row, locate(index))
        if len(encoded) + 2 > PAGE_BYTES:
            raise too_wide(locate(index))
        yield encoded


def check_values(columns: Sequence[str], row: Sequence[str], where: str) -> None:
    """Raise ParametersError for the first value of a row that cannot be an argument of a program.

    `where`: position of the row, for the message.
    """
    for column, value in zip(columns, row, strict=True):
        check_value(value, f"{where}, column {column!r}")


def check_value(value: str, where: str) -> None:
    """Raise ParametersError if `value` is not valid Unicode text, contains a NUL, or is larger than VALUE_BYTES."""
    shown = cut(value, 40)
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:
        raise ParametersError(f"{where}: the value {shown!r} is not UTF-8 text: {REMEDY_UTF8}") from error
    if "\0" in value:
        raise ParametersError(f"{where}: the value {shown!r} has a NUL, which an argument cannot contain: remove it")
    if size > VALUE_BYTES:
        raise too_long(shown, where)


def too_wide(where: str) -> ParametersError:
    return ParametersError(
        f"{where}: the row is over {PAGE_BYTES >> 20} MiB: put large values into files, and pass the names of the files"
    )


def too_long(shown: str, where: str, hint: str = "") -> ParametersError:
    return ParametersError(
        f"{where}: the value {shown!r} is over {VALUE_BYTES >> 10} KiB, the limit of an argument: "
        f"put the value into a file and pass the name of the file{hint}"
    )


def pages(rows: Rows) -> Iterator[list[Row]]:
    """Yield all rows in pages of at most PAGE_ROWS rows and PAGE_BYTES bytes.

    Page k of a table begins at the row `starts[k]` of its spec. Raises ParametersError if there are now more rows than
    were counted.
    """
    spec = rows.to_spec()
    starts = spec.starts if spec.kind == "table" else measure(rows.columns, map(encode_row, rows)).starts
    source = iter(rows)
    for low, high in itertools.pairwise((*starts, rows.n)):
        yield list(itertools.islice(source, high - low))
    # Read to the end: rows of a CSV file check there that the file has not changed since the rows were counted.
    for _ in source:
        raise ParametersError(
            f"the rows changed during the submission: there are more than the {rows.n} first counted; submit again"
        )


def encode_page(rows: Iterable[Sequence[str]]) -> bytes:
    """Return a page of rows as it is stored: a JSON list of lists of strings."""
    return b"[" + b",".join(map(encode_row, rows)) + b"]"


def parse_page(stored: object) -> list[Row]:
    """Return the rows of a stored page from its JSON value.

    Raises TypeError if this value is not a list of lists of strings.
    """
    if type(stored) is not list:
        raise TypeError(f"a page of rows is {type(stored).__name__}")
    for row in stored:
        if type(row) is not list or any(type(value) is not str for value in row):
            raise TypeError(f"a row is {cut(repr(row), 60)}")
    return [tuple(row) for row in stored]


def read_row(spec: RowsSpec, index: int, page: ReadPage) -> dict[str, str]:
    """Return the values of row `index`, by column. The column `index` is included.

    `page`: function that returns a page. For a table, it is called once; for other rows, it is not called. Raises
    ParametersError if the row does not exist, and FileDamaged if the page does not match the spec.
    """
    if not 0 <= index < spec.n:
        raise ParametersError(f"there is no row {index}: the sweep has the rows 0 to {spec.n - 1}")
    if spec.kind == "table":
        number = bisect_right(spec.starts, index) - 1
        return _to_dict(spec, index, _read_page(spec, number, page)[index - spec.starts[number]])
    return _to_dict(spec, index, compute_row(spec.axes, index))


def read_types(spec: RowsSpec, index: int) -> dict[str, str]:
    """Return the type letter of each value of row `index`, by column. Columns with text are left out."""
    if not spec.types:
        return {}
    places = compute_positions(spec.axes, index) if spec.kind == "grid" else [index] * len(spec.columns)
    letters = (unfold(types, at) for types, at in zip(spec.types, places, strict=True))
    return {column: letter for column, letter in zip(spec.columns, letters, strict=True) if letter != TEXT}


def axis_values(spec: RowsSpec) -> list[list[Any]]:
    """Return the values of each axis of a grid, with their original Python types."""
    types = spec.types or [""] * len(spec.axes)
    return [
        [to_value(unfold(letters, at), text) for at, text in enumerate(axis)]
        for letters, axis in zip(types, spec.axes, strict=True)
    ]


def read_values(spec: RowsSpec, index: int, row: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of row `index` with their original Python types, by column.

    `row`: texts of the row, by column.
    """
    types = read_types(spec, index)
    return {column: to_value(types[column], text) if column in types else text for column, text in row.items()}


def iter_rows(spec: RowsSpec, page: ReadPage) -> Iterator[dict[str, str]]:
    """Yield all rows in order, each as `read_row` returns it. Each page is read once."""
    values: Iterable[Sequence[str]]
    if spec.kind == "table":
        values = itertools.chain.from_iterable(_read_page(spec, k, page) for k in range(len(spec.starts)))
    else:
        values = itertools.product(*spec.axes) if spec.axes else itertools.repeat((), spec.n)
    for index, row in enumerate(values):
        yield _to_dict(spec, index, row)


def compute_row(axes: Sequence[Sequence[str]], index: int) -> Row:
    """Return the texts of row `index` of a grid. The last axis changes fastest."""
    return tuple(axis[at] for axis, at in zip(axes, compute_positions(axes, index), strict=True))


def compute_positions(axes: Sequence[Sequence[str]], index: int) -> list[int]:
    """Return, for row `index` of a grid, the position of its value in each axis."""
    places: list[int] = []
    for axis in reversed(axes):
        index, place = divmod(index, len(axis))
        places.append(place)
    return places[::-1]


def _read_page(spec: RowsSpec, number: int, page: ReadPage) -> Sequence[Sequence[str]]:
    bounds = (*spec.starts[number : number + 2], spec.n)
    rows = page(number)
    if len(rows) != bounds[1] - bounds[0]:
        raise FileDamaged(
            f"page {number} of the stored rows has {len(rows)} rows, not {bounds[1] - bounds[0]}: submit again"
        )
    return rows


def _to_dict(spec: RowsSpec, index: int, row: Sequence[str]) -> dict[str, str]:
    if len(row) != len(spec.columns):
        raise FileDamaged(f"the stored row {index} has {len(row)} values, not {len(spec.columns)}: submit again")
    return {**dict(zip(spec.columns, row, strict=True)), INDEX: str(index)}


#: Maximum number of rows of a sweep. The counts of ok, failed and running tasks are stored in 21 bits each.
MAX_TASKS = (1 << 21) - 1


@dataclass(frozen=True, slots=True)
class RowsSpec:
    """The part of a job's spec that describes the rows. `read_row` reads one row."""

    columns: tuple[str, ...]
    n: int
    #: "table" (pages in the store), "grid" (computed) or "sequence" (computed).
    kind: str
    #: SHA-256 (hex) of the columns and values. It is equal for equal rows.
    digest: str
    #: First index of each page of a table, beginning with 0.
    starts: tuple[int, ...] = ()
    #: Values of each axis of a grid. The last axis changes fastest.
    axes: tuple[tuple[str, ...], ...] = ()
    #: SHA-256 (hex) of the contents of each page of a table; empty if an earlier kubeque stored the rows.
    pages: tuple[str, ...] = ()
    #: Types of the values of each column (see value_types); empty if all values are text.
    types: tuple[str, ...] = ()

    def check(self) -> RowsSpec:
        """Return this object. Raises ValueError if its fields contradict each other."""
        table = self.kind == "table"
        starts = [low < high for low, high in itertools.pairwise((*self.starts, self.n))]
        counted = math.prod(map(len, self.axes)) if self.axes else self.n
        if not (
            self.kind in ("table", "grid", "sequence")
            and 1 <= self.n <= MAX_TASKS
            and (not table or (self.starts[:1] == (0,) and all(starts)))
            and (table or (counted == self.n and len(self.axes) == len(self.columns)))
            and len(self.pages) in (0, len(self.starts))
            and self._types_fit()
        ):
            raise ValueError(f"the {self.n} rows of a {cut(self.kind, 60)} contradict their parts")
        return self

    def _types_fit(self) -> bool:
        """True if `types` is empty, or has for each column no letter, one letter, or one letter for each value.

        For a table, the values of all rows count; for a grid, the values of the column's axis.
        """
        sizes = [self.n] * len(self.columns) if self.kind == "table" else list(map(len, self.axes))
        return not self.types or (
            len(self.types) == len(self.columns)
            and all(len(letters) in (0, 1, size) for letters, size in zip(self.types, sizes, strict=True))
        )
