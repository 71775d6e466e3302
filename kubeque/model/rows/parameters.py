"""The rows of a sweep from records (dicts, lists or tuples) or from a DataFrame."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, ClassVar, cast

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import NoRows, ParametersError
from kubeque.model.rows.grid import grid, sequence
from kubeque.model.rows.header import check_header
from kubeque.model.rows.rows import (
    MAX_TASKS,
    Row,
    Rows,
    RowsSpec,
    encode_checked,
    measure,
)
from kubeque.model.rows.typed_text import to_typed_text, type_of
from kubeque.model.rows.value_types import FUNCTION_ONLY, NAN, NONE, TEXT, fold_columns
from kubeque.model.rows.values import convert_at, to_text
from kubeque.model.text import describe

#: `grid` and `sequence` can be imported from here too, because the documentation of earlier versions names this module.
__all__ = ["check_texts", "from_frame", "from_records", "grid", "is_frame", "sequence", "to_rows"]

#: Types of which no value is missing.
_CERTAIN = frozenset({str, int, bool})
_CELL = "row {}, column {!r}"
_GIVE = "give a list of dicts, one for each row"


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows in memory."""

    kind: ClassVar[str] = "table"
    spec: RowsSpec
    rows: Sequence[Row]
    #: Roots of the paths that the column `path` may have in a `^` word (see `with_roots`).
    roots: tuple[str, ...] = ()

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


def to_rows(
    value: Any, *, missing: str | None = None, columns: Sequence[str] | None = None, function: bool = False
) -> Rows:
    """Return the rows of a DataFrame or of a list of records. A `Rows` object is returned unchanged.

    Raises ParametersError. `missing`, `columns`, `function`: see `from_records`.
    """
    if isinstance(value, str | PurePath):
        raise ParametersError(
            f"rows is the text {describe(str(value))}, not a list: read a CSV file with Client().rows(path), or {_GIVE}"
        )
    framed = is_frame(value)
    is_rows = not isinstance(value, type) and all(hasattr(value, name) for name in ("columns", "n", "to_spec"))
    if columns is not None and (framed or is_rows):
        raise ParametersError(
            f"columns {describe(columns)}: the rows have columns already: leave out the argument columns"
        )
    if is_rows:
        return cast(Rows, value)
    if framed:
        return from_frame(value, missing=missing, function=function)
    return from_records(value, missing=missing, columns=columns, function=function)


def is_frame(value: Any) -> bool:
    """True for a pandas DataFrame. The test does not import pandas."""
    return hasattr(value, "columns") and hasattr(value, "to_numpy")


def from_records(
    records: Iterable[Mapping[str, object] | Sequence[object]],
    *,
    missing: str | None = None,
    columns: Sequence[str] | None = None,
    function: bool = False,
) -> Rows:
    """Return rows from records. A record is a dict, or, if `columns` is given, a list or a tuple.

    All dicts must have the same keys. `missing`: text for None and NaN; if it is None, these values are errors.
    `columns`: names of the values in a list or tuple, in order. `function`: True if a function gets the rows; their
    values can then be None, NaN, lists and dicts. Raises ParametersError. Its message names the row (from 0) and the
    column.
    """
    _check_arguments(records, missing, columns)
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
        if kinds != (str,) * len(kinds):  # a row of texts needs no conversion
            pairs = zip(values, header, strict=True)
            rows.append(tuple([convert_at(convert, value, missing, _CELL, index, column) for value, column in pairs]))
        else:
            rows.append(values)
        letters.append(known.get(kinds) or _letters(values, kinds, missing, known))
        if index >= MAX_TASKS:
            break  # `table` raises the error
    uniform = len(set(letters)) == 1  # the usual case, and much faster
    return table(header, rows, fold_columns(list(zip(*(letters[:1] if uniform else letters), strict=True))))


def _check_arguments(records: object, missing: object, columns: object) -> None:
    if isinstance(records, Mapping | str | bytes):
        axes = ", or grid({...}) for every combination of lists" if isinstance(records, Mapping) else ""
        raise ParametersError(f"the parameters are one {type(records).__name__}: {_GIVE}{axes}")
    if not isinstance(records, Iterable):
        is_number = type(records) is int and 0 < records <= MAX_TASKS
        numbered = f", or sequence({records}) for rows without columns" if is_number else ""
        raise ParametersError(f"the parameters are {describe(records)}: {_GIVE}{numbered}")
    if missing is not None and not isinstance(missing, str):
        raise ParametersError(
            f"missing {describe(missing)} is not a text: give the text for None and NaN, for example missing=''"
        )
    if columns is not None and (isinstance(columns, str) or not isinstance(columns, Sequence)):
        raise ParametersError(f"columns {describe(columns)}: give a list of names, for example columns=['a', 'b']")


def _letters(
    values: Sequence[object], kinds: tuple[type, ...], missing: str | None, known: dict[tuple[type, ...], str]
) -> str:
    """Return the type letters of one row's values. Cache these letters in `known` for rows with the same `kinds`."""
    found = sys.intern("".join([_type_of(value, missing) for value in values]))
    if _CERTAIN.issuperset(kinds):
        known[kinds] = found
    return found


def _type_of(value: object, missing: str | None) -> str:
    """Return the letter of a value's type. If the text `missing` replaces the value, return TEXT."""
    letter = type_of(value)
    return TEXT if missing is not None and letter in (NONE, NAN) else letter


def check_texts(rows: Rows) -> None:
    """Raise ParametersError if a row has a value that a command cannot take: None, NaN, a list or a dict."""
    for column, types in zip(rows.columns, rows.types, strict=False):
        if FUNCTION_ONLY & set(types):
            raise ParametersError(
                f"column {column!r} has a missing value, a list or a dict, and the values of a command are texts: write"
                " '' for an empty text, or call a function with kubeque.map"
            )


def _name_values(record: Any, columns: Row | None, index: int) -> Mapping[str, object]:
    """Return a record as a mapping from column to value. Raises ParametersError.

    `columns`: names of the values in a list or tuple; None if the records must be mappings. `index`: number of the row.
    """
    if columns is None:
        if type(record) is not dict and not isinstance(record, Mapping):  # the first test is faster
            raise ParametersError(
                f"row {index} is a value of type {type(record).__name__}, not a dict: give a dict with one value"
                " for each column. If rows are lists or tuples, add columns=['a', 'b'] to the operator or to"
                " from_records"
            )
        return record
    if isinstance(record, Mapping | str | bytes) or not isinstance(record, Sequence):
        kind = type(record).__name__
        raise ParametersError(
            f"row {index}: {kind} is not a list of values, which the argument columns needs: leave out columns, or give"
            " lists"
        )
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
    """Return the rows of a pandas DataFrame, without its index. Raises ParametersError.

    `missing`: text for None, NaN, NaT and NA; if it is None, these values are errors. `function`: see `from_records`.
    The message of the error names the row (from 0) and the column.
    """
    columns = check_header(list(frame.columns), "the frame")
    convert = to_typed_text if function else to_text
    series = [list(_series_values(frame[column], function=function)) for column in columns]
    texts = [
        [convert_at(convert, value, missing, _CELL, index, column) for index, value in enumerate(values)]
        for column, values in zip(columns, series, strict=True)
    ]
    types = fold_columns([[_type_of(value, missing) for value in values] for values in series if values])
    return table(columns, list(zip(*texts, strict=True)), types)


def _series_values(series: Any, *, function: bool) -> Iterable[object]:
    """Return the values of a column. `function`: True to return None for a missing value, except in columns of floats.

    pandas stores NaN or NaT in place of a missing text, category or date.
    """
    dtype = series.dtype
    if function and getattr(dtype, "kind", "f") != "f" and str(dtype) != "object" and series.isna().any():
        return [None if gap else value for value, gap in zip(series, series.isna(), strict=True)]
    # Iteration over a Series converts float32 to float, for example 0.1 to 0.10000000149011612. The array of the Series
    # keeps the type.
    values: Iterable[object] = series.to_numpy() if str(series.dtype) in ("float16", "float32") else series
    return values


def with_roots(rows: Rows, roots: Sequence[str]) -> Rows:
    """Return the rows with a permission: a `^` word that begins with `{path}` may upload any file below `roots`.

    The column `path` contains the names of files that match the patterns of the user. The roots come from these
    patterns, and can be outside of the current folder.
    """
    return _Table(rows.to_spec(), list(rows), tuple(roots)) if roots else rows


def roots_of(rows: Rows) -> tuple[str, ...]:
    """Return the `roots` that `with_roots` added to rows; () for other rows."""
    return getattr(rows, "roots", ())


def table(columns: Row, rows: list[Row], types: Row) -> Rows:
    """Return rows in memory. `types`: the types of each column (see value_types).

    Raises ParametersError if there are no rows or no columns, or if a value is not valid.
    """
    if not rows:
        raise NoRows("there are no rows: give at least one")
    if not columns:
        raise ParametersError(
            f"the {len(rows)} rows have no columns: use sequence({len(rows)}) for rows without columns"
        )
    found = measure(columns, encode_checked(columns, rows, "row {}".format))
    return _Table(RowsSpec(columns, found.n, _Table.kind, found.digest, found.starts, types=types), rows)
