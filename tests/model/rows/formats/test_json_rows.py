"""Rows from JSON Lines and JSON lists."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeque.model.errors import ParametersError
from kubeque.model.rows.formats.json_rows import is_json, read_json


@pytest.mark.parametrize(
    "text", ['{"a": 1, "b": "x"}\n\n{"a": 2.5, "b": "y"}', '[{"a": 1, "b": "x"},\n {"a": 2.5, "b": "y"}]']
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_rows_are_objects_and_values_keep_their_types(text: str, mark: bytes) -> None:
    rows = read_json(mark + text.encode(), "r.jsonl")

    assert is_json(mark + text.encode(), "-")
    assert (rows.columns, list(rows), rows.types) == (("a", "b"), [("1", "x"), ("2.5", "y")], ("if", ""))


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "{a},b\n1,2\n", "[a],b\n", "", "  "])
def test_csv_text_is_not_json(text: str) -> None:
    assert not is_json(text.encode(), "p.csv")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ('{"a": 1}\n{"a": 2', "r.jsonl, line 2, column 8: "),
        ('{"a": 1}\n[1]', "row 1 is [1], not an object"),
        ("[1]", "row 0 is 1, not an object"),
        ('{"a": 1}\n{"b": 2}', "r.jsonl: row 1: the key 'a' of row 0 is missing"),
        ('{"a": 1, "a": 2}', "line 1: an object has the key 'a' twice"),
        ('{"a": NaN}', "NaN is not a JSON value"),
        ('{"a": null}', "r.jsonl: row 0, column 'a': the value is null, which is not a text: write \"\" for"),
        ('{\n  "a": 1\n}', "r.jsonl, line 1, column 2"),
        ("[]", "r.jsonl has no rows: write one object per line"),
        (b'{"a": "\xff"}', "are not UTF-8"),
        ('{"index": 1}', "the name 'index' is reserved"),
        ("[" * 100_000, "r.jsonl, line 1"),
        ('{"a": ' + "9" * 5000 + "}", "r.jsonl, line 1"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(data: str | bytes, says: str) -> None:
    with pytest.raises(ParametersError) as caught:
        read_json(data.encode() if isinstance(data, str) else data, "r.jsonl")

    assert says in str(caught.value)
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=100) | st.text('{}[]":,ab1 \n', max_size=60).map(str.encode))
def test_any_bytes_are_rows_or_one_clear_error(data: bytes) -> None:
    try:
        told = f"r.jsonl is good: {read_json(data, 'r.jsonl').n} rows"
    except ParametersError as error:
        told = str(error)

    assert told.startswith("r.jsonl")


@given(
    st.lists(st.fixed_dictionaries({"a": st.integers() | st.text("xy"), "b": st.booleans()}), min_size=1, max_size=5)
)
def test_lines_are_read_as_the_records_that_they_are(records: list[dict[str, object]]) -> None:
    lines = "".join(json.dumps(record) + "\n" for record in records)
    assert read_json(lines.encode(), "x").to_spec() == read_json(json.dumps(records).encode(), "x").to_spec()
