"""Grids (rows with every combination of the values of axes), the notation of `--grid`, and rows without columns."""

from __future__ import annotations

import csv
import itertools
import math
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import ParametersError
from kubeque.model.rows.header import check_header
from kubeque.model.rows.number_lists import FUNCTION, expand
from kubeque.model.rows.rows import (
    MAX_TASKS,
    PAGE_BYTES,
    Row,
    Rows,
    RowsSpec,
    check_value,
    encode_row,
    measure,
    too_wide,
)
from kubeque.model.rows.typed_text import to_typed_text, type_of
from kubeque.model.rows.value_types import fold_columns, unfold
from kubeque.model.rows.values import convert_at
from kubeque.model.text import cut, describe

#: First character of a placeholder for a call such as `lin(0,1,11)`. No argument contains it.
_NUL = "\0"
_BRACKETS = ("[]", "()", "{}")
#: A call with commas in the style of Python or numpy, for example `range(1,4)` or `np.linspace(0,1,11)`.
_OTHER_CALL = re.compile(r"(?:^|,)\s*([A-Za-z_][\w.]*)\([^()]*,[^()]*\)\s*(?:,|$)")
#: A call such as `lin(0,1,11)` outside of quotes. Its commas do not separate values.
_FUNCTION = re.compile(rf"(?<![^,])(?:{FUNCTION.pattern})(?![^,])")


@dataclass(frozen=True)
class Grid:
    """Every combination of the values of the axes, computed when it is read. Without axes, `n` rows without columns."""

    columns: Row
    n: int
    kind: str
    axes: tuple[Row, ...]
    #: Types of the values of each axis (see value_types); empty if all values are text.
    types: Row = ()

    def __iter__(self) -> Iterator[Row]:
        return itertools.product(*self.axes) if self.axes else itertools.repeat((), self.n)

    def to_spec(self) -> RowsSpec:
        return self._spec

    def with_axis(self, name: str, values: Row) -> Grid:
        """Return the grid with one more axis, whose values are texts. The new axis changes fastest.

        Raises ParametersError.
        """
        types = (*self.types, "") if self.types else ()
        return _make((*self.columns, name), (*self.axes, values), types)

    @cached_property
    def _spec(self) -> RowsSpec:
        found = measure(self.columns, self._encoded())
        if self.kind == "table":
            return RowsSpec(
                self.columns, self.n, self.kind, found.digest, starts=found.starts, types=self._types_of_rows()
            )
        return RowsSpec(self.columns, self.n, self.kind, found.digest, axes=self.axes, types=self.types)

    def _types_of_rows(self) -> Row:
        """Return the types of each column of a stored table: one letter for each row, or one for all rows."""
        if all(len(types) <= 1 for types in self.types):
            return self.types
        pairs = zip(self.types, self.axes, strict=True)
        letters = [[unfold(types, at) for at in range(len(axis))] for types, axis in pairs]
        return fold_columns([list(row) for row in zip(*itertools.product(*letters), strict=True)])

    def _encoded(self) -> Iterator[bytes]:
        """Yield each row as `encode_row` returns it. For speed, each value of an axis is encoded only once."""
        if not self.axes:
            return itertools.repeat(encode_row(()), self.n)
        quoted = [[encode_row((value,))[1:-1] for value in axis] for axis in self.axes]
        return (b"[" + b",".join(row) + b"]" for row in itertools.product(*quoted))


def grid(axes: Mapping[str, Iterable[object]] | None = None, /, **more: Iterable[object]) -> Rows:
    """Return rows with every combination of the values of the columns. The last column changes fastest.

    Examples are `grid(a=[1, 2], b=["x", "y"])` and `grid({"a": [1, 2]})`. Raises ParametersError. Its message names the
    axis and the value.
    """
    columns = check_header([*(axes or {}), *more], "the grid")
    if not columns:
        raise ParametersError(
            "the grid has no axis: write grid(zoom=[1, 2, 5]), or sequence(n) for rows without columns"
        )
    given = [read_axis(name, axis) for name, axis in {**(axes or {}), **more}.items()]
    values = tuple(texts for texts, _ in given)
    return _make(columns, values, fold_columns([letters for _, letters in given]))


def _make(columns: Row, values: tuple[Row, ...], types: Row) -> Grid:
    """Return the grid of these axes. Raises ParametersError if it has too many rows or if a row is too wide."""
    n = math.prod(map(len, values))
    if n > MAX_TASKS:
        sizes = " x ".join(str(len(axis)) for axis in values)
        raise ParametersError(f"the grid has {sizes} rows, more than {MAX_TASKS}: split it into several sweeps")
    widest = sum(max(len(encode_row((value,))) for value in axis) for axis in values)
    if widest > PAGE_BYTES:
        raise too_wide("the grid")
    # Every consumer reads the spec, which contains the axes. So the rows of long axes are stored in pages, like a
    # table.
    size = sum(len(encode_row(axis)) for axis in values)
    return Grid(columns, n, "grid" if size <= PAGE_BYTES else "table", values, types)


def read_axis(name: str, given: object) -> tuple[Row, list[str]]:
    """Return the texts of the values of an axis, and the type letters of these values. Raises ParametersError."""
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        shown = describe(given)
        raise ParametersError(f"axis {name!r} of the grid: {shown} is not a list of values: write {name}=[{shown}]")
    values = list(itertools.islice(given, MAX_TASKS + 1))
    position = "value {} of axis {!r}"
    axis = tuple([convert_at(to_typed_text, value, None, position, index, name) for index, value in enumerate(values)])
    if not axis:
        raise ParametersError(f"axis {name!r} of the grid has no values: give at least one")
    for value in axis:
        check_value(value, f"axis {name!r} of the grid")
    return axis, [type_of(value) for value in values]


def sequence(n: int) -> Rows:
    """Return `n` rows without columns. The rows differ only in `{index}`. Raises ParametersError."""
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MAX_TASKS:
        raise ParametersError(f"a sequence of {describe(n)} rows: give a whole number from 1 to {MAX_TASKS}")
    return Grid((), n, "sequence", ())


def read_axes(words: Sequence[str]) -> dict[str, list[str]]:
    """Return the values of each axis, by name, from words such as `lr=0.1,0.01`. Raises ParametersError."""
    axes: dict[str, list[str]] = {}
    for word in words:
        name, equals, values = word.partition("=")
        if not equals or not name:
            raise ParametersError(f"--grid {cut(word, 40)!r}: write NAME=VALUE,VALUE or NAME=FIRST..LAST")
        if name in axes:
            raise ParametersError(f"--grid {name}: the axis is given twice: write all of its values after one {name}=")
        axes[name] = read_values(name, values)
    return axes


def read_values(name: str, text: str) -> list[str]:
    """Return the values of the axis `name` from a text. Raises ParametersError.

    The text is a list such as `a,b` or `"a,b",c`. An element can also be a range such as `1..5`, `10..0` or
    `0..1..0.1`. A range includes both ends. A third form of an element is a call such as `lin(0,1,11)` or
    `log(1e-4,1,5)`.
    """
    if _NUL in text:
        raise ParametersError(
            f"axis {name!r}: {cut(text, 40)!r} has a NUL, which an argument cannot contain: remove it"
        )
    calls: list[str] = []
    parts = text.split('"')  # every second one is inside of quotes
    parts[::2] = [_FUNCTION.sub(lambda call: _keep(calls, call[0]), part) for part in parts[::2]]
    plain = '"'.join(parts)
    if '"' not in text and "," in plain:
        _check_unquoted(name, plain)
    elif '"' not in text:
        _check_one_value(name, plain)
    try:
        fields = next(csv.reader([plain], strict=True), [])
    except csv.Error as error:
        raise ParametersError(f"axis {name!r}: {cut(text, 40)!r} is not a list of values ({error})") from error
    values: list[str] = []
    for field in fields:
        values += expand(name, calls[int(field[1:])] if field[:1] == _NUL else field)
    return values


def _keep(calls: list[str], call: str) -> str:
    """Append a call to the list, and return the placeholder that replaces the call in the text."""
    calls.append(call)
    return f"{_NUL}{len(calls) - 1}"


def _check_unquoted(name: str, text: str) -> None:
    """Raise ParametersError for a list with brackets, single quotes, or blanks around a comma, and for an unknown call.

    These characters would become parts of the values.
    """
    if call := _OTHER_CALL.search(text):
        raise ParametersError(
            f"axis {name!r}: {cut(call[1], 30)}(...) is not known: write {name}=FIRST..LAST, {name}=FIRST..LAST..STEP,"
            f" {name}=lin(FIRST,LAST,COUNT) or {name}=log(FIRST,LAST,COUNT)"
        )
    if text[0] + text[-1] in _BRACKETS:
        plain = ",".join(part.strip() for part in re.sub(r"[][(){}]", "", text).split(","))
        raise ParametersError(f"axis {name!r}: {cut(text, 40)!r} has brackets: write {name}={cut(plain, 40)}")
    if all(len(part) > 1 and part[0] == part[-1] == "'" for part in text.split(",")):
        plain = text.replace("'", "")
        raise ParametersError(
            f"axis {name!r}: {cut(text, 40)!r} has single quotes: write {name}={cut(plain, 40)}, or use double quotes"
        )
    if any(part != part.strip() for part in text.split(",")):
        plain = ",".join(part.strip() for part in text.split(","))
        raise ParametersError(
            f"axis {name!r}: {cut(text, 40)!r} has blanks around a comma: write {name}={cut(plain, 40)}, or put a value"
            " with blanks into double quotes"
        )


def _check_one_value(name: str, text: str) -> None:
    """Raise ParametersError for several words without a comma, which are more probably values than one value."""
    words = text.split()
    if len(words) > 1:
        one = shlex.quote(f'{name}="{text}"')
        raise ParametersError(
            f"axis {name!r}: {cut(text, 40)!r} has blanks and no comma: write {name}={cut(','.join(words), 40)} for"
            f" {len(words)} values, or {cut(one, 60)} for one value with blanks"
        )


def read_grid(grid: Mapping[str, Iterable[object]]) -> dict[str, Iterable[object]]:
    """Return the axes of the `grid` in a jobspec. A list is kept. A text is parsed by the rules of the command line."""
    return {name: read_values(name, given) if isinstance(given, str) else given for name, given in grid.items()}
