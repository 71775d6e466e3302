"""The Python types of values: a row comes back with the types that were given."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeque.model.errors import ParametersError
from kubeque.model.job.spec import JobSpec
from kubeque.model.rows.grid import grid
from kubeque.model.rows.parameters import check_texts, from_frame, from_records
from kubeque.model.rows.rows import Rows, RowsSpec, read_values
from kubeque.model.rows.typed_text import to_typed_text, type_of
from kubeque.model.rows.value_types import to_value

texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=9)
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | texts
values = scalars | st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner))


def given_back(rows: Rows) -> list[dict[str, Any]]:
    """Return the rows as Python values, from the stored form of their spec."""
    wire = json.loads(json.dumps(JobSpec((), rows.to_spec()).to_wire()))
    spec = JobSpec.from_wire(wire).rows
    pairs = enumerate(dict(zip(rows.columns, row, strict=True)) for row in rows)
    return [read_values(spec, index, row) for index, row in pairs]


@given(values)
def test_a_value_survives_its_text(value: Any) -> None:
    assert repr(to_value(type_of(value), to_typed_text(value))) == repr(value)


@given(st.lists(st.tuples(values, values), min_size=1, max_size=5))
def test_records_survive(rows: list[tuple[Any, Any]]) -> None:
    records = [{"a": a, "b": b} for a, b in rows]
    assert repr(given_back(from_records(records, function=True))) == repr(records)


@given(st.lists(values, min_size=1, max_size=4), st.lists(values, min_size=1, max_size=4))
def test_grids_survive(a: list[Any], b: list[Any]) -> None:
    expected = [{"a": x, "b": y} for x, y in itertools.product(a, b)]
    assert repr(given_back(grid(a=a, b=b))) == repr(expected)


def test_a_grid_that_is_stored_as_a_table_keeps_its_types() -> None:
    long = ["x" * 100_000 + str(i) for i in range(12)]
    rows = grid(a=[1, "1", None], b=long)
    assert rows.kind == "table"
    assert [row["a"] for row in given_back(rows)] == [1] * 12 + ["1"] * 12 + [None] * 12


def test_frames_survive() -> None:
    pandas = pytest.importorskip("pandas")
    numpy = pytest.importorskip("numpy")
    frame = pandas.DataFrame(
        {"n": [1, 2], "x": numpy.float32([0.1, 0.5]), "b": [True, False], "o": pandas.Series(["1", None], dtype=object)}
    )
    assert given_back(from_frame(frame, function=True)) == [
        {"n": 1, "x": 0.1, "b": True, "o": "1"}, {"n": 2, "x": 0.5, "b": False, "o": None},
    ]  # fmt: skip


def test_texts_alone_have_no_types() -> None:
    assert from_records([{"a": "1"}, {"a": ""}]).to_spec().types == ()
    assert grid(a=["x"], b=["y"]).to_spec().types == ()


def test_a_column_of_one_type_has_one_letter() -> None:
    assert from_records([{"a": 1, "b": "x"}] * 1000).to_spec().types == ("i", "")


@pytest.mark.parametrize("value", [None, float("nan"), [1], {"a": 1}])
def test_a_command_cannot_get_such_a_value(value: Any) -> None:
    with pytest.raises(ParametersError):
        from_records([{"a": value}])
    with pytest.raises(ParametersError, match="column 'a' has a missing value, a list or a dict"):
        check_texts(grid(a=[1, value]))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({1: "a"}, "a dict has a key that is not text"),
        ([{"a": {2: 1}}], "a dict has a key that is not text"),
        ([object()], "a list or dict cannot be JSON"),
        ({1, 2}, "a value of type set cannot be text"),
    ],
)
def test_what_json_would_change_is_refused(value: Any, words: str) -> None:
    with pytest.raises(ParametersError, match=f"row 0, column 'a': {words}"):
        from_records([{"a": value}], function=True)


def test_a_value_that_contains_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(ParametersError, match="a list or dict cannot be JSON"):
        from_records([{"a": value}], function=True)


def test_an_unknown_type_of_a_newer_kubeque_is_a_text() -> None:
    spec = RowsSpec(("a",), 1, "table", "", (0,), types=("z",))
    assert read_values(spec, 0, {"a": "1"}) == {"a": "1"}
