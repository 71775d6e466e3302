"""Rows from records, frames, grids and sequences, their pages and how one row is read back."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeque.model.errors import ParametersError, StorageError
from kubeque.model.rows.parameters import (
    Rows,
    encode_page,
    from_frame,
    from_records,
    grid,
    iter_rows,
    pages,
    parse_page,
    read_row,
    sequence,
    to_rows,
)
from kubeque.model.rows.rows import MAX_TASKS, RowsSpec

MIB = 1 << 20


def refusal(make: Callable[[], Rows]) -> str:
    with pytest.raises(ParametersError) as caught:
        make()
    assert len(str(caught.value)) < 400
    return str(caught.value)


def stored(rows: Rows) -> Callable[[int], Sequence[Sequence[str]]]:
    """The pages of `rows` as a consumer gets them."""
    written = [encode_page(page) for page in pages(rows)]
    return lambda number: parse_page(json.loads(written[number]))


def no_page(number: int) -> Sequence[Sequence[str]]:
    raise AssertionError(f"page {number} was asked for")


class TestRecords:
    def test_dicts_become_rows(self) -> None:
        rows = from_records([{"a": 1, "b": "007"}, {"b": 0.5, "a": True}])

        assert rows.columns == ("a", "b")
        assert (rows.n, rows.kind) == (2, "table")
        assert list(rows) == list(rows) == [("1", "007"), ("true", "0.5")]

    def test_a_generator_is_gone_through_once(self) -> None:
        rows = from_records({"a": i} for i in range(3))

        assert list(rows) == list(rows) == [("0",), ("1",), ("2",)]

    def test_a_later_change_of_a_dict_changes_no_row(self) -> None:
        record = {"a": 1}
        rows = from_records([record])
        record["a"] = 2

        assert list(rows) == [("1",)]

    def test_what_is_missing_takes_the_text_given(self) -> None:
        assert list(from_records([{"a": None}, {"a": float("nan")}], missing="NA")) == [("NA",), ("NA",)]

    def test_columns_name_the_values_of_lists_and_tuples(self) -> None:
        rows = to_rows([(1, "x"), [2, None]], columns=["a", "b"], missing="")

        assert rows.columns == ("a", "b")
        assert list(rows) == [("1", "x"), ("2", "")]

    @pytest.mark.parametrize(
        ("records", "columns", "told"),
        [
            ([(1, 2), (1,)], ["a", "b"], "row 1 has 1 values for 2 columns"),
            ([{"a": 1}], ["a"], "row 0: dict is not a list of values: leave out columns"),
            (["ab"], ["a", "b"], "row 0: str is not a list of values"),
            ([(1,)], "a", "columns 'a': give a list of names"),
            ([(1,)], ["a", "a"], "columns, column 2: column 1 has the same name"),
            (sequence(2), ["a"], "the rows have columns already: leave it out"),
            ("p.csv", None, "rows 'p.csv': read a CSV file with Client().rows(path)"),
        ],
    )
    def test_what_does_not_fit_the_columns_is_told(self, records: Any, columns: Any, told: str) -> None:
        assert told in refusal(lambda: to_rows(records, columns=columns))

    @pytest.mark.parametrize(
        ("records", "told"),
        [
            ([], "there are no rows"),
            ([{}, {}], "the 2 rows have no columns: use sequence(2)"),
            ([(1, 2)], "row 0: tuple is not a row: give a dict of column and value; from_records"),
            ({"a": [1, 2]}, "the parameters are one dict: give a list of dicts"),
            ("params.csv", "the parameters are one str: give a list of dicts"),
            ([{"a": 1}, 7], "row 1: int is not a row: give a dict"),
            ([{"a": 1, "b": 2}, {"a": 1}], "row 1: the key 'b' of row 0 is missing"),
            ([{"a": 1}, {"a": 1, "c": 2}], "row 1: the key 'c' is not in row 0"),
            ([{"a": 1}, {"a": None}], "row 1, column 'a': the value is missing (None): write '' for an empty text"),
            ([{"a": [1]}], "row 0, column 'a': a value of type list cannot be text"),
            ([{"a": "x\0"}], "row 0, column 'a': the value 'x\\x00' has a NUL"),
            ([{"a": 1}, {"a": "\udcff"}], "row 1, column 'a': the value '\\udcff' is not UTF-8 text"),
            ([{"a": "x" * 122_881}], "row 0, column 'a': the value 'xxx"),
            ([{str(i): "x" * 120_000 for i in range(9)}], "row 0: the row is over 1 MiB"),
            ([{1: 1}], "row 0, column 1: the name 1 is not a string: rename it"),
            ([{"index": 1}], "row 0, column 1: the name 'index' is reserved"),
            ([{"": 1}], "row 0, column 1: the header is blank"),
        ],
    )
    def test_what_is_wrong_is_told_with_row_and_column(self, records: Any, told: str) -> None:
        assert told in refusal(lambda: from_records(records))

    def test_the_text_for_what_is_missing_must_be_good_as_well(self) -> None:
        assert "row 0, column 'a': the value" in refusal(lambda: from_records([{"a": None}], missing="\0"))

    def test_the_rows_that_a_queue_can_count_are_the_most(self) -> None:
        endless = itertools.repeat({"a": "1"})

        assert refusal(lambda: from_records(endless)).startswith(f"row {MAX_TASKS}: more than {MAX_TASKS} rows")


class TestFrame:
    def test_columns_keep_their_types(self) -> None:
        frame = pd.DataFrame(
            {
                "whole": [1, 2],
                "part": [0.1, 2.0],
                "single": np.array([0.1, 2.0], dtype="float32"),
                "truth": [True, False],
                "day": pd.to_datetime(["2024-02-29 00:00", "2024-03-01 12:00"]),
                "text": ["007", "NA"],
                "kind": pd.Categorical(["x", "y"]),
                "mixed": [date(2024, 2, 29), 3],
            },
            index=[7, 9],
        )

        rows = from_frame(frame)

        assert rows.columns == tuple(frame.columns)
        assert list(rows) == [
            ("1", "0.1", "0.1", "true", "2024-02-29T00:00:00", "007", "x", "2024-02-29"),
            ("2", "2.0", "2.0", "false", "2024-03-01T12:00:00", "NA", "y", "3"),
        ]

    def test_what_is_missing_is_told_with_row_and_column(self) -> None:
        for values in ([1.5, None], pd.array([1, pd.NA], dtype="Int64"), pd.to_datetime(["2024-01-01", None])):
            frame = pd.DataFrame({"a": values})
            assert refusal(partial(from_frame, frame)).startswith("row 1, column 'a': the value is missing")
            assert list(from_frame(frame, missing=""))[1] == ("",)

    def test_integers_beside_missing_ones_stay_integers(self) -> None:
        frame = pd.DataFrame({"a": pd.array([1, None], dtype="Int64")})

        assert list(from_frame(frame, missing="")) == [("1",), ("",)]

    def test_columns_must_be_strings_and_differ(self) -> None:
        assert "the frame, column 1: the name 0 is not a string" in refusal(lambda: from_frame(pd.DataFrame([[1, 2]])))
        twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
        assert "the frame, column 2: column 1 has the same name 'a'" in refusal(lambda: from_frame(twice))

    def test_a_frame_without_rows_or_columns_is_refused(self) -> None:
        assert "there are no rows" in refusal(lambda: from_frame(pd.DataFrame({"a": []})))
        assert "there are no rows" in refusal(lambda: from_frame(pd.DataFrame()))

    def test_it_equals_the_same_rows_as_records(self) -> None:
        records = [{"a": i, "b": i / 7, "c": f"{i:03}"} for i in range(50)]

        assert from_frame(pd.DataFrame(records)).to_spec() == from_records(records).to_spec()


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
        began = time.process_time()
        rows = grid(a=range(1000), b=range(2000))
        first = list(itertools.islice(rows, 2))

        assert (rows.n, first) == (2_000_000, [("0", "0"), ("0", "1")])
        assert time.process_time() - began < 0.5

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


class TestPages:
    def test_a_page_has_at_most_1000_rows(self) -> None:
        rows = from_records([{"a": i} for i in range(2001)])

        assert [len(page) for page in pages(rows)] == [1000, 1000, 1]
        assert rows.to_spec().starts == (0, 1000, 2000)

    def test_a_page_has_at_most_one_mib(self) -> None:
        rows = from_records([{"a": "x" * 100_000, "b": "é" * (i % 7) * 1000} for i in range(50)])
        written = [encode_page(page) for page in pages(rows)]

        assert max(map(len, written)) <= MIB
        assert min(map(len, written[:-1])) > MIB - 125_000

    def test_a_page_is_filled_to_the_last_byte(self) -> None:
        # Given three rows of JSON text that make one page of 1 MiB exactly, with brackets, commas and quotes
        wide = 9
        room = MIB - len(json.dumps([[""] * wide] * 3, separators=(",", ":")))
        cells = [room // (3 * wide)] * (3 * wide)
        cells[0] += room - sum(cells)

        for extra, count in ((0, 1), (1, 2)):
            sizes = [cells[0] + extra, *cells[1:]]
            records = [{f"c{i}": "x" * sizes[row * wide + i] for i in range(wide)} for row in range(3)]
            written = [encode_page(page) for page in pages(from_records(records))]
            assert len(written) == count
            assert (len(written[0]) == MIB) == (count == 1)

    def test_computed_rows_can_be_paged_as_well(self) -> None:
        assert [len(page) for page in pages(sequence(1500))] == [1000, 500]
        assert list(itertools.chain.from_iterable(pages(grid(a=range(3))))) == [("0",), ("1",), ("2",)]

    @pytest.mark.parametrize(
        "stored", [7, None, {}, "ab", [7], ["ab"], [None], [[1]], [["a"], [None]], [[["a"]]], [[{}]]]
    )
    def test_a_damaged_page_is_recognised(self, stored: object) -> None:
        with pytest.raises(TypeError):
            parse_page(stored)

    def test_100_000_rows_are_read_and_paged_in_well_under_a_second(self) -> None:
        records = [{"x": "-1.4", "y": "0", "zoom": str(i)} for i in range(100_000)]
        began = time.process_time()
        written = [encode_page(page) for page in pages(from_records(records))]

        assert len(written) == 100
        assert time.process_time() - began < 1


class TestReadRow:
    def test_a_row_of_a_table_reads_its_page_only(self) -> None:
        rows = from_records([{"a": i, "b": "x"} for i in range(2500)])
        read = stored(rows)
        asked: list[int] = []

        def page(number: int) -> Sequence[Sequence[str]]:
            asked.append(number)
            return read(number)

        spec = rows.to_spec()
        for index in (0, 999, 1000, 2499):
            assert read_row(spec, index, page) == {"a": str(index), "b": "x", "index": str(index)}
        assert asked == [0, 0, 1, 2]

    @pytest.mark.parametrize("index", [-1, 3, 10**9])
    def test_a_row_that_is_not_there_is_told(self, index: int) -> None:
        with pytest.raises(ParametersError, match=f"there is no row {index}: the sweep has the rows 0 to 2"):
            read_row(sequence(3).to_spec(), index, no_page)

    def test_a_page_of_another_sweep_is_told(self) -> None:
        spec = from_records([{"a": 1}, {"a": 2}]).to_spec()

        with pytest.raises(StorageError, match="page 0 has 1 rows, not 2"):
            read_row(spec, 0, lambda number: [["1"]])
        with pytest.raises(StorageError, match="row 1 has 2 values, not 1"):
            read_row(spec, 1, lambda number: [["1", "2"]] * 2)

    def test_all_rows_are_streamed_a_page_at_a_time(self) -> None:
        rows = from_records([{"a": i} for i in range(1500)])
        spec, read, asked = rows.to_spec(), stored(rows), []

        def page(number: int) -> Sequence[Sequence[str]]:
            asked.append(number)
            return read(number)

        streamed = iter_rows(spec, page)
        assert next(streamed) == {"a": "0", "index": "0"}
        assert asked == [0]
        assert [row["index"] for row in streamed] == [str(i) for i in range(1, 1500)]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
names = st.lists(texts.filter(lambda name: name.strip() and name != "index"), unique=True, min_size=1, max_size=4)


@st.composite
def sweeps(draw: st.DrawFn) -> Rows:
    columns = draw(names)
    if draw(st.booleans()):
        return grid({name: draw(st.lists(texts, min_size=1, max_size=4)) for name in columns})
    row = st.fixed_dictionaries(dict.fromkeys(columns, texts))
    return from_records(draw(st.lists(row, min_size=1, max_size=20)))


@given(sweeps())
def test_every_row_is_read_back_as_it_was(rows: Rows) -> None:
    spec, page = rows.to_spec(), stored(rows) if rows.kind == "table" else no_page
    expected = [{**dict(zip(rows.columns, row, strict=True)), "index": str(i)} for i, row in enumerate(rows)]

    assert list(iter_rows(spec, page)) == expected
    assert [read_row(spec, index, page) for index in range(spec.n)] == expected


@given(st.lists(st.tuples(texts, texts), min_size=1), st.lists(st.tuples(texts, texts), min_size=1))
def test_digests_are_equal_only_for_equal_rows(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> None:
    def digest(rows: list[tuple[str, str]]) -> str:
        return from_records([{"a": a, "b": b} for a, b in rows]).to_spec().digest

    assert (digest(one) == digest(other)) == (one == other)


def test_a_digest_tells_apart_where_one_value_ends() -> None:
    apart: list[list[Mapping[str, object]]] = [
        [{"a": "xy", "b": ""}],
        [{"a": "x", "b": "y"}],
        [{"a": 'x","y', "b": ""}],
        [{"b": "x", "a": "y"}],
        [{"a": "x"}, {"a": "y"}],
        [{"a,b": "x"}],
        [{"a": "b"}, {"a": "x"}],
    ]

    assert len({from_records(records).to_spec().digest for records in apart}) == len(apart)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 120_000), min_size=1, max_size=30))
def test_pages_keep_their_limit_and_begin_where_the_spec_says(sizes: list[int]) -> None:
    rows = from_records([{"a": "x" * size} for size in sizes])
    spec = rows.to_spec()
    lengths = [len(page) for page in pages(rows)]

    assert spec.starts == (0, *itertools.accumulate(lengths[:-1]))
    assert sum(lengths) == spec.n == len(sizes)
    assert all(len(encode_page(page)) <= MIB for page in pages(rows))


def test_a_spec_is_a_plain_value() -> None:
    spec = from_records([{"a": 1}]).to_spec()

    assert spec == RowsSpec(("a",), 1, "table", spec.digest, (0,), types=("i",))
    assert len(spec.digest) == 64
    assert replace(spec, n=2) != spec
