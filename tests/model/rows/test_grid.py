"""Rows from grids and sequences."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from kubeque.model.rows.grid import grid, sequence
from kubeque.model.rows.parameters import from_records
from kubeque.model.rows.rows import MAX_TASKS, read_row
from tests.calls import count_calls
from tests.model.rows.row_checks import no_page, refusal, stored


class TestGrid:
    def test_the_last_axis_turns_fastest(self) -> None:
        rows = grid(a=[1, 2], b=["x", "y", "z"])

        assert rows.columns == ("a", "b")
        assert (rows.n, rows.kind) == (6, "grid")
        assert list(rows) == [("1", "x"), ("1", "y"), ("1", "z"), ("2", "x"), ("2", "y"), ("2", "z")]

    def test_axes_come_from_a_mapping_too(self) -> None:
        assert grid({"learning rate": [0.1], "b": range(2)}).columns == ("learning rate", "b")
        assert list(grid({"a": np.array([0.5])}, b=(v for v in "xy"))) == [("0.5", "x"), ("0.5", "y")]

    def test_the_spec_has_the_axes_and_no_pages(self) -> None:
        spec = grid(a=[1, 2], b=["x"]).to_spec()

        assert (spec.kind, spec.axes, spec.starts) == ("grid", (("1", "2"), ("x",)), ())

    def test_its_digest_is_that_of_the_same_rows_in_a_table(self) -> None:
        records = [{"a": a, "b": b} for a in (1, 2) for b in ('"x"', "é")]

        assert grid(a=[1, 2], b=['"x"', "é"]).to_spec().digest == from_records(records).to_spec().digest

    def test_a_large_grid_is_never_made(self) -> None:
        made: list[Any] = []

        def make() -> None:
            made.append(grid(a=range(1000), b=range(2000)))
            made.append(list(itertools.islice(made[0], 2)))

        calls = count_calls(make)

        assert (made[0].n, made[1]) == (2_000_000, [("0", "0"), ("0", "1")])
        assert calls < 30 * 3000, "a few calls for each of the 3,000 values"

    def test_long_axes_are_paged_like_a_table(self) -> None:
        rows = grid(a=[f"{i:0100}" for i in range(12_000)], b=["x"])
        spec = rows.to_spec()

        assert (rows.kind, spec.kind, spec.axes) == ("table", "table", ())
        assert spec.starts[:3] == (0, 1000, 2000)
        assert read_row(spec, 11_999, stored(rows)) == {"a": f"{11_999:0100}", "b": "x", "index": "11999"}

    @pytest.mark.parametrize(
        ("axes", "told"),
        [
            ({}, "the grid has no axis: write grid(zoom=[1, 2, 5])"),
            ({"a": []}, "axis 'a' of the grid has no values"),
            ({"a": "xy"}, "axis 'a' of the grid: 'xy' is not a list of values: write a=['xy']"),
            ({"a": 5}, "axis 'a' of the grid: 5 is not a list of values: write a=[5]"),
            ({"a": [{1}]}, "value 0 of axis 'a': a value of type set cannot be text"),
            ({"a": ["\0"]}, "axis 'a' of the grid: the value '\\x00' has a NUL"),
            ({"index": [1]}, "the grid, column 1: the name 'index' is reserved"),
            ({2: [1]}, "the grid, column 1: the name 2 is not a string"),
            ({"a": range(2000), "b": range(2000)}, f"the grid has 2000 x 2000 rows, more than {MAX_TASKS}"),
            ({str(i): ["x" * 120_000] for i in range(9)}, "the grid: the row is over 1 MiB"),
        ],
    )
    def test_what_is_wrong_is_told_with_the_axis(self, axes: Any, told: str) -> None:
        assert told in refusal(lambda: grid(axes))

    def test_an_axis_given_twice_is_told(self) -> None:
        assert "has the same name 'a'" in refusal(lambda: grid({"a": [1]}, a=[2]))

    def test_an_axis_that_does_not_end_is_told(self) -> None:
        assert f"more than {MAX_TASKS}" in refusal(lambda: grid(a=itertools.count()))


class TestSequence:
    def test_its_rows_have_no_columns(self) -> None:
        rows = sequence(3)

        assert (rows.columns, rows.n, rows.kind) == ((), 3, "sequence")
        assert list(rows) == [(), (), ()]
        assert [read_row(rows.to_spec(), i, no_page) for i in range(3)] == [{"index": str(i)} for i in range(3)]

    def test_sequences_of_different_length_differ(self) -> None:
        assert sequence(2).to_spec().digest != sequence(3).to_spec().digest

    @pytest.mark.parametrize("n", [0, -1, MAX_TASKS + 1, True, 2.0, "3", None])
    def test_any_other_number_is_refused(self, n: Any) -> None:
        assert f"a sequence of {n!r} rows: give a whole number from 1" in refusal(lambda: sequence(n))
