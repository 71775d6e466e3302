"""The parameters of a sweep, from wherever they come: a CSV file, records, a frame, a grid or a mere number of rows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from kubeque.model.errors import ParametersError
from kubeque.model.rows.csv_rows import read_csv
from kubeque.model.rows.rows import (
    MAX_TASKS,
    PAGE_BYTES,
    Row,
    Rows,
    RowsSpec,
    check_header,
    check_value,
    decode_page,
    encode_checked,
    encode_page,
    encode_row,
    iter_rows,
    measure,
    pages,
    read_row,
    too_wide,
)
from kubeque.model.rows.values import to_text

__all__ = [
    "Rows",
    "decode_page",
    "encode_page",
    "from_frame",
    "from_records",
    "grid",
    "iter_rows",
    "pages",
    "read_csv",
    "read_row",
    "sequence",
]

_CELL = "row {}, column {!r}"


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows held in memory."""

    kind: ClassVar[str] = "table"
    spec: RowsSpec
    rows: Sequence[Row]

    @property
    def columns(self) -> Row:
        return self.spec.columns

    @property
    def n(self) -> int:
        return self.spec.n

    def to_spec(self) -> RowsSpec:
        return self.spec

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)


@dataclass(frozen=True, slots=True)
class _Grid:
    """Every combination of the values of some axes; a grid without axes is a sequence. Nothing is materialised."""

    columns: Row
    n: int
    kind: str
    axes: tuple[Row, ...]

    def __iter__(self) -> Iterator[Row]:
        return itertools.product(*self.axes) if self.axes else itertools.repeat((), self.n)

    def to_spec(self) -> RowsSpec:
        found = measure(self.columns, self._encoded())
        if self.kind == "table":
            return RowsSpec(self.columns, self.n, self.kind, found.digest, starts=found.starts)
        return RowsSpec(self.columns, self.n, self.kind, found.digest, axes=self.axes)

    def _encoded(self) -> Iterator[bytes]:
        """What `encode_row` makes of each row, quicker: every value of an axis is encoded once."""
        if not self.axes:
            return itertools.repeat(encode_row(()), self.n)
        quoted = [[encode_row((value,))[1:-1] for value in axis] for axis in self.axes]
        return (b"[" + b",".join(row) + b"]" for row in itertools.product(*quoted))


def from_records(records: Iterable[Mapping[str, object]], *, missing: str | None = None) -> Rows:
    """Rows from dicts that all have the same keys; `missing` is the text for None and NaN.

    Raises ParametersError naming row (counted from 0) and column.
    """
    if isinstance(records, Mapping | str | bytes):
        raise ParametersError(f"the parameters are one {type(records).__name__}: give a list of dicts, one for a row")
    if not isinstance(records, Iterable):
        raise ParametersError(f"the parameters are {records!r}, no rows: give a list of dicts, one for a row")
    columns: Row = ()
    rows: list[Row] = []
    for index, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise ParametersError(f"row {index}: {type(record).__name__} is no row: give a dict of column and value")
        if not index:
            columns = check_header(list(record), "row 0")
        _check_keys(record, columns, index)
        rows.append(tuple([_converted(record[column], missing, _CELL, index, column) for column in columns]))
        if index >= MAX_TASKS:
            break  # _table has the words for it
    return _table(columns, rows)


def _check_keys(record: Mapping[str, object], columns: Row, index: int) -> None:
    for column in columns:
        if column not in record:
            raise ParametersError(f"row {index}: the key {column!r} of row 0 is missing: give all rows the same keys")
    if len(record) > len(columns):
        extra = next(key for key in record if key not in columns)
        raise ParametersError(f"row {index}: the key {extra!r} is not in row 0: give all rows the same keys")


def from_frame(frame: Any, *, missing: str | None = None) -> Rows:
    """Rows from a pandas DataFrame, whose index is left out; `missing` is the text for None, NaN, NaT and NA.

    Raises ParametersError naming row (counted from 0) and column.
    """
    columns = check_header(list(frame.columns), "the frame")
    values = [
        [_converted(value, missing, _CELL, index, column) for index, value in enumerate(_series_values(frame[column]))]
        for column in columns
    ]
    return _table(columns, list(zip(*values, strict=True)))


def _series_values(series: Any) -> Iterable[object]:
    # Going through a Series turns float32 into float, and 0.1 into 0.10000000149011612; its array keeps the type.
    values: Iterable[object] = series.to_numpy() if str(series.dtype) in ("float16", "float32") else series
    return values


def _converted(value: object, missing: str | None, place: str, index: int, column: str) -> str:
    try:
        return to_text(value, missing=missing)
    except ParametersError as error:
        raise ParametersError(f"{place.format(index, column)}: {error}") from error


def _table(columns: Row, rows: list[Row]) -> _Table:
    if not rows:
        raise ParametersError("there are no rows, a sweep of 0 rows: give at least one")
    if not columns:
        raise ParametersError(f"the {len(rows)} rows have no columns: write sequence({len(rows)}) for rows without any")
    found = measure(columns, encode_checked(columns, rows, "row {}".format))
    return _Table(RowsSpec(columns, found.n, _Table.kind, found.digest, found.starts), rows)


def grid(axes: Mapping[str, Iterable[object]] | None = None, /, **more: Iterable[object]) -> Rows:
    """Every combination of the values given for each column, the last column turning fastest.

    `grid(a=[1, 2], b=["x", "y"])` or `grid({"a": [1, 2]})`. Raises ParametersError naming the axis and the value.
    """
    columns = check_header([*(axes or {}), *more], "the grid")
    if not columns:
        raise ParametersError("the grid has no axis: write grid(zoom=[1, 2, 5]), or sequence(n) for mere numbers")
    values = tuple(_axis(name, given) for name, given in {**(axes or {}), **more}.items())
    n = math.prod(map(len, values))
    if n > MAX_TASKS:
        sizes = " x ".join(str(len(axis)) for axis in values)
        raise ParametersError(f"the grid has {sizes} rows, more than {MAX_TASKS}: split it over several sweeps")
    widest = sum(max(len(encode_row((value,))) for value in axis) for axis in values)
    if widest > PAGE_BYTES:
        raise too_wide("the grid")
    # The axes stand in the spec, which every consumer reads: long ones are paged like a table.
    size = sum(len(encode_row(axis)) for axis in values)
    return _Grid(columns, n, "grid" if size <= PAGE_BYTES else "table", values)


def _axis(name: str, given: object) -> Row:
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise ParametersError(f"axis {name!r} of the grid: {given!r} is no list of values: write {name}=[{given!r}]")
    values = enumerate(itertools.islice(given, MAX_TASKS + 1))
    axis = tuple([_converted(value, None, "value {} of axis {!r}", index, name) for index, value in values])
    if not axis:
        raise ParametersError(f"axis {name!r} of the grid has no values, a sweep of 0 rows: give at least one")
    for value in axis:
        check_value(value, f"axis {name!r} of the grid")
    return axis


def sequence(n: int) -> Rows:
    """`n` rows without columns: commands tell them apart by `{index}`. Raises ParametersError."""
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MAX_TASKS:
        raise ParametersError(f"a sequence of {n!r} rows: give a whole number from 1 to {MAX_TASKS}")
    return _Grid((), n, "sequence", ())
