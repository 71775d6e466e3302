"""Rows made from other rows: samples, repetitions and axes combined one by one."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeque.model.errors import ParametersError
from kubeque.model.rows.grid import Grid, grid, sequence
from kubeque.model.rows.parameters import from_records
from kubeque.model.rows.rows import Rows
from kubeque.model.rows.selection import choose, repeat_rows, sample_grid, sample_rows, unused_axes, zip_axes

MIXED = [{"a": 1, "b": "x"}, {"a": "two", "b": "y"}, {"a": 3.5, "b": "z"}]


@given(st.integers(1, 500), st.data())
def test_a_sample_has_different_rows_in_order_and_is_the_same_for_the_same_seed(n: int, data: st.DataObject) -> None:
    count, seed = data.draw(st.integers(1, n)), data.draw(st.integers(0, 9))

    chosen = choose(n, count, seed)

    assert len(set(chosen)) == count
    assert chosen == sorted(chosen)
    assert set(chosen) <= set(range(n))
    assert chosen == choose(n, count, seed)


def test_a_sample_is_stable_and_uniform() -> None:
    assert choose(1000, 5, 7) == [72, 150, 322, 535, 649]
    counts = [0] * 10
    for seed in range(2000):
        for number in choose(10, 3, seed):
            counts[number] += 1
    assert all(480 < count < 720 for count in counts)  # 600 expected; five standard deviations are about 100


def test_a_sample_keeps_the_types_of_values() -> None:
    rows = sample_rows(from_records(MIXED), 2, seed=1)

    assert rows.n == 2
    assert set(rows) <= set(from_records(MIXED))
    assert list(sample_rows(from_records(MIXED), 3)) == list(from_records(MIXED))
    assert sample_rows(from_records(MIXED), 3).types == from_records(MIXED).types


def test_a_sample_of_a_grid_is_the_same_as_of_its_rows_and_the_grid_may_be_huge() -> None:
    axes = {"a": [1, 2, "x"], "b": [0.5, 1.5]}

    assert sample_grid(axes, 4, 3).to_spec() == sample_rows(grid(axes), 4, 3).to_spec()
    huge = sample_grid({f"c{number}": range(1000) for number in range(4)}, 5)
    assert (huge.n, len(set(huge))) == (5, 5)


@pytest.mark.parametrize("count", [0, -1, 4])
def test_a_sample_of_too_many_rows_is_refused(count: int) -> None:
    with pytest.raises(ParametersError, match=f"--sample {count}"):
        sample_rows(from_records(MIXED), count)


def test_axes_are_combined_one_by_one() -> None:
    rows = zip_axes({"a": [1, 2], "b": ["x", "y"]})

    assert (rows.columns, list(rows), rows.types) == (("a", "b"), [("1", "x"), ("2", "y")], ("i", ""))
    with pytest.raises(ParametersError, match="--zip needs axes with equal numbers of values, but a has 1, b has 2"):
        zip_axes({"a": [1], "b": [1, 2]})


@pytest.mark.parametrize("make", [lambda: from_records(MIXED), lambda: grid(a=[1, "x"], b=["p", "q"])])
def test_each_row_is_repeated_and_counted(make: Callable[[], Rows]) -> None:
    before, after = make(), repeat_rows(make(), 2)

    assert after.columns == (*before.columns, "repeat")
    assert list(after) == [(*row, count) for row in before for count in ("0", "1")]
    assert after.n == before.n * 2 == after.to_spec().n
    assert list(sample_rows(after, after.n)) == list(after)


def test_the_types_of_repeated_rows_stay() -> None:
    assert repeat_rows(from_records(MIXED), 2).types == ("iittff", "", "")
    assert repeat_rows(grid(a=[1, 2.5]), 2).types == ("if", "")


def test_rows_without_columns_are_repeated_without_one() -> None:
    assert (repeat_rows(sequence(3), 2).columns, repeat_rows(sequence(3), 2).n) == ((), 6)


@pytest.mark.parametrize(
    ("rows", "times", "says"),
    [
        (from_records([{"repeat": 1}]), 2, "adds the column 'repeat', but the rows have a column of this name"),
        (from_records(MIXED), 0, "--repeat 0 of 3 rows: give a number from 1"),
        (from_records(MIXED), 1 << 20, "give a number from 1 to 699050"),
    ],
)
def test_repetitions_that_cannot_be_are_refused(rows: Rows, times: int, says: str) -> None:
    with pytest.raises(ParametersError, match=says):
        repeat_rows(rows, times)


def test_an_axis_counts_as_unused_only_beside_a_used_one() -> None:
    rows = grid(lr=[1, 2], seed=[1, 2], one=[1])

    assert isinstance(rows, Grid)
    assert unused_axes(rows, ["lr"]) == ["seed"]
    assert unused_axes(rows, ["lr", "seed"]) == unused_axes(rows, []) == unused_axes(rows, ["index"]) == []
    assert unused_axes(from_records(MIXED), ["a"]) == []
    assert random.Random(7).random() == 0.32383276483316237  # the generator is the same in all versions of Python
