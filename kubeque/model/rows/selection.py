"""Rows that are made from other rows: a random sample, repetitions, and axes combined value by value (zip)."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence

from kubeque.model.errors import ParametersError
from kubeque.model.rows.grid import Grid, read_axis, sequence
from kubeque.model.rows.header import check_header
from kubeque.model.rows.parameters import roots_of, table, with_roots
from kubeque.model.rows.rows import MAX_TASKS, Rows, compute_positions
from kubeque.model.rows.value_types import fold_columns, unfold
from kubeque.model.wording import option

#: Column with the number of the repetition of a row, from 0.
REPEAT = "repeat"


def choose(n: int, count: int, seed: int) -> list[int]:
    """Return `count` different numbers below `n`, sorted. Equal arguments give equal numbers in all versions of Python.

    The algorithm is Floyd's (R. W. Floyd, "A sample of brilliance", 1987).
    """
    generator, chosen = random.Random(seed), set[int]()
    for last in range(n - count, n):
        number = int(generator.random() * (last + 1))
        chosen.add(last if number in chosen else number)
    return sorted(chosen)


def sample_rows(rows: Rows, count: int, seed: int = 0) -> Rows:
    """Return `count` different rows in their original order. Raises ParametersError if `rows` has fewer rows."""
    _check_sample(count, rows.n)
    wanted = choose(rows.n, count, seed)
    if not rows.columns:
        return sequence(count)
    chosen = set(wanted)
    values = [tuple(row) for index, row in enumerate(rows) if index in chosen]
    types = fold_columns([[letters[at] for at in wanted] for letters in _types_by_row(rows)])
    return with_roots(table(rows.columns, values, types), roots_of(rows))


def sample_grid(axes: Mapping[str, Iterable[object]], count: int, seed: int = 0) -> Rows:
    """Return `count` different rows of a grid. The grid can have more rows than a sweep. Raises ParametersError."""
    columns = check_header(list(axes), "the grid")
    read = [read_axis(name, axis) for name, axis in axes.items()]
    values = [texts for texts, _ in read]
    n = math.prod(map(len, values))
    _check_sample(count, n)
    places = [compute_positions(values, index) for index in choose(n, count, seed)]
    rows = [tuple(axis[at] for axis, at in zip(values, place, strict=True)) for place in places]
    letters = [[kinds[place[number]] for place in places] for number, (_, kinds) in enumerate(read)]
    return table(columns, rows, fold_columns(letters))


def _check_sample(count: int, n: int) -> None:
    if not 1 <= count <= MAX_TASKS:
        raise ParametersError(f"{option('sample', str(count))}: give a number of rows from 1 to {MAX_TASKS}")
    if count > n:
        raise ParametersError(f"{option('sample', str(count))}: the sweep has only {n} rows: give at most {n}")


def zip_axes(axes: Mapping[str, Iterable[object]]) -> Rows:
    """Return rows that combine axes value by value. The first row has the first value of each axis, and so on.

    Raises ParametersError if the axes have different numbers of values.
    """
    columns = check_header(list(axes), "the grid")
    read = [read_axis(name, axis) for name, axis in axes.items()]
    sizes = {name: len(texts) for name, (texts, _) in zip(columns, read, strict=True)}
    if len(set(sizes.values())) > 1:
        shown = ", ".join(f"{name} has {size}" for name, size in sizes.items())
        raise ParametersError(f"{option('zip')} needs axes with equal numbers of values, but {shown}")
    return table(columns, list(zip(*[texts for texts, _ in read], strict=True)), fold_columns([k for _, k in read]))


def repeat_rows(rows: Rows, times: int) -> Rows:
    """Return rows in which each row of `rows` occurs `times` times. A new last column, `repeat`, counts from 0.

    Raises ParametersError.
    """
    if not isinstance(times, int) or isinstance(times, bool) or times < 1 or times * rows.n > MAX_TASKS:
        raise ParametersError(
            f"{option('repeat', str(times))} of {rows.n} rows: give a number from 1 to {MAX_TASKS // rows.n}"
        )
    if not rows.columns:
        return sequence(rows.n * times)
    if REPEAT in rows.columns:
        raise ParametersError(
            f"{option('repeat')} adds the column {REPEAT!r}, but the rows have a column of this name: rename it"
        )
    columns, counts = (*rows.columns, REPEAT), tuple(map(str, range(times)))
    if isinstance(rows, Grid):
        return rows.with_axis(REPEAT, counts)
    values = [(*row, count) for row in rows for count in counts]
    letters = [[letter for letter in column for _ in counts] for column in _types_by_row(rows)]
    repeated = table(columns, values, (*fold_columns(letters), "") if letters else ())
    return with_roots(repeated, roots_of(rows))


def _types_by_row(rows: Rows) -> Sequence[Sequence[str]]:
    """Return the type letter of each value, by column and row; empty if all values are texts."""
    if not rows.types:
        return []
    if isinstance(rows, Grid) and rows.axes:
        places = [compute_positions(rows.axes, index) for index in range(rows.n)]
        return [[unfold(kinds, place[at]) for place in places] for at, kinds in enumerate(rows.types)]
    return [[unfold(kinds, index) for index in range(rows.n)] for kinds in rows.types]


def unused_axes(rows: Rows, used: Iterable[str]) -> list[str]:
    """Return the axes of a grid that have several values but are not in `used`.

    If no axis is in `used`, return an empty list.
    """
    if not isinstance(rows, Grid):
        return []
    names = set(used)
    several = [name for name, axis in zip(rows.columns, rows.axes, strict=False) if len(axis) > 1]
    return [name for name in several if name not in names] if names & set(rows.columns) else []
