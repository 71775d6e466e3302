"""Rows from records and frames."""

from __future__ import annotations

import itertools
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kubeque.model.rows.grid import sequence
from kubeque.model.rows.parameters import from_frame, from_records, to_rows
from kubeque.model.rows.rows import MAX_TASKS
from tests.model.rows.row_checks import refusal


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
            (
                [{"a": 1}],
                ["a"],
                "row 0: dict is not a list of values, which the argument columns needs",
            ),
            (["ab"], ["a", "b"], "row 0: str is not a list of values"),
            ([(1,)], "a", "columns 'a': give a list of names"),
            ([(1,)], ["a", "a"], "columns, column 2: column 1 has the same name"),
            (sequence(2), ["a"], "the rows have columns already: leave out the argument columns"),
            ("p.csv", None, "rows is the text 'p.csv', not a list: read a CSV file with Client().rows(path)"),
        ],
    )
    def test_what_does_not_fit_the_columns_is_told(self, records: Any, columns: Any, told: str) -> None:
        assert told in refusal(lambda: to_rows(records, columns=columns))

    @pytest.mark.parametrize(
        ("records", "told"),
        [
            ([], "there are no rows"),
            ([{}, {}], "the 2 rows have no columns: use sequence(2)"),
            ([(1, 2)], "row 0 is a value of type tuple, not a dict: give a dict with one value for each column"),
            ({"a": [1, 2]}, "the parameters are one dict: give a list of dicts"),
            ("params.csv", "the parameters are one str: give a list of dicts"),
            ([{"a": 1}, 7], "row 1 is a value of type int, not a dict: give a dict"),
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
