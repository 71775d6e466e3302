"""Rows of a sweep from a CSV file, records, a DataFrame, a grid or a number of rows."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import Any, ClassVar, cast

from kubeque.model.errors import ParametersError
from kubeque.model.rows.csv_rows import read_csv
from kubeque.model.rows.header import check_header
from kubeque.model.rows.rows import (
    MAX_TASKS,
    PAGE_BYTES,
    Row,
    Rows,
    RowsSpec,
    check_value,
    encode_checked,
    encode_page,
    encode_row,
    iter_rows,
    measure,
    pages,
    parse_page,
    read_row,
    too_wide,
)
from kubeque.model.rows.typed_text import to_typed_text, type_of
from kubeque.model.rows.value_types import FUNCTION_ONLY, NAN, NONE, TEXT, fold, unfold
from kubeque.model.rows.values import to_text
from kubeque.model.text import describe

__all__ = [
    "Rows",
    "check_texts",
    "encode_page",
    "from_frame",
    "from_records",
    "grid",
    "is_frame",
    "iter_rows",
    "pages",
    "parse_page",
    "read_csv",
    "read_row",
    "sequence",
    "to_rows",
]

#: Types of which no value is missing.
_CERTAIN = frozenset({str, int, bool})
_CELL = "row {}, column {!r}"
_GIVE = "give a list of dicts, one for each row"


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
    def types(self) -> Row:
        return self.spec.types

    @property
    def n(self) -> int:
        return self.spec.n

    def to_spec(self) -> RowsSpec:
        return self.spec

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)


@dataclass(frozen=True)
class _Grid:
    """Every combination of the values of the axes, computed on demand. Without axes it is a sequence."""

    columns: Row
    n: int
    kind: str
    axes: tuple[Row, ...]
    #: Types of the values of each axis.
    types: Row = ()

    def __iter__(self) -> Iterator[Row]:
        return itertools.product(*self.axes) if self.axes else itertools.repeat((), self.n)

    def to_spec(self) -> RowsSpec:
        return self._spec

    @cached_property
    def _spec(self) -> RowsSpec:
        found = measure(self.columns, self._encoded())
        if self.kind == "table":
            return RowsSpec(
                self.columns, self.n, self.kind, found.digest, starts=found.starts, types=self._types_of_rows()
            )
        return RowsSpec(self.columns, self.n, self.kind, found.digest, axes=self.axes, types=self.types)

    def _types_of_rows(self) -> Row:
        """Return the types of each column with one letter for each row."""
        if all(len(types) <= 1 for types in self.types):
            return self.types
        pairs = zip(self.types, self.axes, strict=True)
        letters = [[unfold(types, at) for at in range(len(axis))] for types, axis in pairs]
        return _fold_columns([list(row) for row in zip(*itertools.product(*letters), strict=True)])

    def _encoded(self) -> Iterator[bytes]:
        """Yield the result of `encode_row` for each row. Faster, because each value of an axis is encoded once."""
        if not self.axes:
            return itertools.repeat(encode_row(()), self.n)
        quoted = [[encode_row((value,))[1:-1] for value in axis] for axis in self.axes]
        return (b"[" + b",".join(row) + b"]" for row in itertools.product(*quoted))


def to_rows(
    value: Any, *, missing: str | None = None, columns: Sequence[str] | None = None, function: bool = False
) -> Rows:
    """Return the rows of a DataFrame or of a list; a `Rows` object is returned unchanged. Raises ParametersError.

    `missing`, `columns`, `function`: see `from_records`.
    """
    if isinstance(value, str | PurePath):
        raise ParametersError(f"rows {describe(str(value))}: read a CSV file with Client().rows(path), or {_GIVE}")
    framed = is_frame(value)
    is_rows = not isinstance(value, type) and all(hasattr(value, name) for name in ("columns", "n", "to_spec"))
    if columns is not None and (framed or is_rows):
        raise ParametersError(f"columns {describe(columns)}: the rows have columns already: leave it out")
    if is_rows:
        return cast(Rows, value)
    if framed:
        return from_frame(value, missing=missing, function=function)
    return from_records(value, missing=missing, columns=columns, function=function)


def is_frame(value: Any) -> bool:
    """True for a pandas DataFrame, which is not imported for the test."""
    return hasattr(value, "columns") and hasattr(value, "to_numpy")


def from_records(
    records: Iterable[Mapping[str, object] | Sequence[object]],
    *,
    missing: str | None = None,
    columns: Sequence[str] | None = None,
    function: bool = False,
) -> Rows:
    """Return rows from dicts that all have the same keys; `missing` is the text for None and NaN.

    With `columns`, which names the values in their order, the records are lists or tuples. `function`: the rows are for
    a function, which can get None, NaN, lists and dicts. Raises ParametersError with the row (from 0) and the column.
    """
    if isinstance(records, Mapping | str | bytes):
        axes = ", or grid({...}) for every combination of lists" if isinstance(records, Mapping) else ""
        raise ParametersError(f"the parameters are one {type(records).__name__}: {_GIVE}{axes}")
    if not isinstance(records, Iterable):
        numbered = f", or sequence({records}) for rows without columns" if type(records) is int else ""
        raise ParametersError(f"the parameters are {describe(records)}: {_GIVE}{numbered}")
    if missing is not None and not isinstance(missing, str):
        raise ParametersError(f"missing {describe(missing)}: give the text for None and NaN, as in missing=''")
    if columns is not None and (isinstance(columns, str) or not isinstance(columns, Sequence)):
        raise ParametersError(f"columns {describe(columns)}: give a list of names, as in columns=['a', 'b']")
    header: Row = () if columns is None else check_header(columns, "columns")
    rows: list[Row] = []
    letters: list[str] = []
    known: dict[tuple[type, ...], str] = {}
    convert = to_typed_text if function else to_text
    for index, record in enumerate(records):
        named = _name_values(record, header if columns is not None else None, index)
        if not index and columns is None:
            header = check_header(list(named), "row 0")
        _check_keys(named, header, index)
        values: tuple[Any, ...] = tuple([named[column] for column in header])
        kinds = tuple(map(type, values))
        if kinds != (str,) * len(kinds):  # texts alone are rows as they are
            pairs = zip(values, header, strict=True)
            rows.append(tuple([_convert(convert, value, missing, _CELL, index, column) for value, column in pairs]))
        else:
            rows.append(values)
        letters.append(known.get(kinds) or _letters(values, kinds, missing, known))
        if index >= MAX_TASKS:
            break  # _table raises the error
    uniform = len(set(letters)) == 1  # the usual case, and much faster
    return _table(header, rows, _fold_columns(list(zip(*(letters[:1] if uniform else letters), strict=True))))


def _letters(
    values: Sequence[object], kinds: tuple[type, ...], missing: str | None, known: dict[tuple[type, ...], str]
) -> str:
    """Return the types of the values of one row, and record them for rows with the same Python types (`kinds`)."""
    found = sys.intern("".join([_type_of(value, missing) for value in values]))
    if _CERTAIN.issuperset(kinds):
        known[kinds] = found
    return found


def _type_of(value: object, missing: str | None) -> str:
    """Return the type of a value; a missing one becomes the text `missing`."""
    letter = type_of(value)
    return TEXT if missing is not None and letter in (NONE, NAN) else letter


def _fold_columns(letters: Sequence[Sequence[str]]) -> Row:
    """Return the types of the columns from the letters of their values; () if all are texts."""
    types = tuple(map(fold, letters))
    return types if any(types) else ()


def check_texts(rows: Rows) -> None:
    """Raise ParametersError for rows with a value that a command cannot get: None, NaN, a list or a dict."""
    for column, types in zip(rows.columns, rows.types, strict=False):
        if FUNCTION_ONLY & set(types):
            raise ParametersError(
                f"column {column!r} has a value that is missing, a list or a dict, but a command gets texts: write ''"
                " for an empty text, or call a function with kubeque.map"
            )


def _name_values(record: Any, columns: Row | None, index: int) -> Mapping[str, object]:
    """Return a record as a mapping; `columns` names the values of a list or tuple."""
    if columns is None:
        if type(record) is not dict and not isinstance(record, Mapping):  # the first test is faster
            raise ParametersError(
                f"row {index}: {type(record).__name__} is not a row: give a dict of column and value; from_records,"
                " kubeque.map and the Airflow operator also take columns=['a', 'b'] for rows that are lists or tuples"
            )
        return record
    if isinstance(record, Mapping | str | bytes) or not isinstance(record, Sequence):
        kind = type(record).__name__
        raise ParametersError(f"row {index}: {kind} is not a list of values: leave out columns, or give lists")
    if len(record) != len(columns):
        raise ParametersError(
            f"row {index} has {len(record)} values for {len(columns)} columns: give one value for each of"
            f" {', '.join(columns)}"
        )
    return dict(zip(columns, record, strict=True))


def _check_keys(record: Mapping[str, object], columns: Row, index: int) -> None:
    for column in columns:
        if column not in record:
            raise ParametersError(f"row {index}: the key {column!r} of row 0 is missing: give all rows the same keys")
    if len(record) > len(columns):
        extra = next(key for key in record if key not in columns)
        raise ParametersError(f"row {index}: the key {extra!r} is not in row 0: give all rows the same keys")


def from_frame(frame: Any, *, missing: str | None = None, function: bool = False) -> Rows:
    """Return rows from a pandas DataFrame without its index; `missing` is the text for None, NaN, NaT and NA.

    `function`: see `from_records`. Raises ParametersError with the row (from 0) and the column.
    """
    columns = check_header(list(frame.columns), "the frame")
    convert = to_typed_text if function else to_text
    series = [list(_series_values(frame[column])) for column in columns]
    texts = [
        [_convert(convert, value, missing, _CELL, index, column) for index, value in enumerate(values)]
        for column, values in zip(columns, series, strict=True)
    ]
    types = _fold_columns([[_type_of(value, missing) for value in values] for values in series if values])
    return _table(columns, list(zip(*texts, strict=True)), types)


def _series_values(series: Any) -> Iterable[object]:
    # Iterating over a Series converts float32 to float, 0.1 to 0.10000000149011612; its array keeps the type.
    values: Iterable[object] = series.to_numpy() if str(series.dtype) in ("float16", "float32") else series
    return values


def _convert(
    convert: Callable[..., str], value: object, missing: str | None, place: str, index: int, column: str
) -> str:
    try:
        return convert(value, missing=missing)
    except ParametersError as error:
        raise ParametersError(f"{place.format(index, column)}: {error}") from error


def _table(columns: Row, rows: list[Row], types: Row) -> _Table:
    if not rows:
        raise ParametersError("there are no rows: give at least one")
    if not columns:
        raise ParametersError(f"the {len(rows)} rows have no columns: use sequence({len(rows)}) for rows without any")
    found = measure(columns, encode_checked(columns, rows, "row {}".format))
    return _Table(RowsSpec(columns, found.n, _Table.kind, found.digest, found.starts, types=types), rows)


def grid(axes: Mapping[str, Iterable[object]] | None = None, /, **more: Iterable[object]) -> Rows:
    """Return every combination of the values of each column; the last column changes fastest.

    `grid(a=[1, 2], b=["x", "y"])` or `grid({"a": [1, 2]})`. Raises ParametersError with the axis and the value.
    """
    columns = check_header([*(axes or {}), *more], "the grid")
    if not columns:
        raise ParametersError("the grid has no axis: write grid(zoom=[1, 2, 5]), or sequence(n) for rows without any")
    given = [_axis(name, axis) for name, axis in {**(axes or {}), **more}.items()]
    values = tuple(texts for texts, _ in given)
    types = _fold_columns([letters for _, letters in given])
    n = math.prod(map(len, values))
    if n > MAX_TASKS:
        sizes = " x ".join(str(len(axis)) for axis in values)
        raise ParametersError(f"the grid has {sizes} rows, more than {MAX_TASKS}: split it into several sweeps")
    widest = sum(max(len(encode_row((value,))) for value in axis) for axis in values)
    if widest > PAGE_BYTES:
        raise too_wide("the grid")
    # The spec holds the axes, and every consumer reads it: long axes are paged like a table.
    size = sum(len(encode_row(axis)) for axis in values)
    return _Grid(columns, n, "grid" if size <= PAGE_BYTES else "table", values, types)


def _axis(name: str, given: object) -> tuple[Row, list[str]]:
    """Return the texts of the values of an axis, and their types."""
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        shown = describe(given)
        raise ParametersError(f"axis {name!r} of the grid: {shown} is not a list of values: write {name}=[{shown}]")
    values = list(itertools.islice(given, MAX_TASKS + 1))
    place = "value {} of axis {!r}"
    axis = tuple([_convert(to_typed_text, value, None, place, index, name) for index, value in enumerate(values)])
    if not axis:
        raise ParametersError(f"axis {name!r} of the grid has no values: give at least one")
    for value in axis:
        check_value(value, f"axis {name!r} of the grid")
    return axis, [type_of(value) for value in values]


def sequence(n: int) -> Rows:
    """Return `n` rows without columns; only `{index}` differs between them. Raises ParametersError."""
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MAX_TASKS:
        raise ParametersError(f"a sequence of {describe(n)} rows: give a whole number from 1 to {MAX_TASKS}")
    return _Grid((), n, "sequence", ())
