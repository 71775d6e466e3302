"""Conditions that select rows by their values."""

from __future__ import annotations

from typing import Any

import pytest

from kubeque.model.errors import UserError
from kubeque.model.rows.conditions import Condition, parse_condition


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lr>0.1", Condition("lr", ">", "0.1")),
        (" lr >= 1e-3 ", Condition("lr", ">=", "1e-3")),
        ("name == 'a b'", Condition("name", "==", "a b")),
        ('name="x"', Condition("name", "=", "x")),
        ("name!=", Condition("name", "!=", "")),
        ("out.loss<0", Condition("out.loss", "<", "0")),
        ("expr=a=b<c", Condition("expr", "=", "a=b<c")),
        ("my column=\u00e9", Condition("my column", "=", "\u00e9")),
    ],
)
def test_a_condition_has_a_column_an_operator_and_a_value(text: str, expected: Condition) -> None:
    assert parse_condition(text) == expected


@pytest.mark.parametrize("text", ["", "lr", ">1", " =1", "lr~1", "!lr"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UserError, match=r"--where .* is not a condition: .*for example lr>0\.1"):
        parse_condition(text)


@pytest.mark.parametrize(
    ("text", "values", "met"),
    [
        ("x>0.1", ["0.1", "0.10001", "1e-3", "2", "abc", "", None, "nan", 3, True], ["0.10001", "2", 3]),
        ("x=0.1", ["0.1", ".1", "1e-1", "0.10", "0.11", None], ["0.1", ".1", "1e-1", "0.10"]),
        ("x!=1", ["1", "1.0", "2", "a", None], ["2", "a"]),
        ("x=a", ["a", "A", "ab", None], ["a"]),
        ("day<2024-05-01", ["2024-04-30", "2024-05-01", "2023-12-31"], ["2024-04-30", "2023-12-31"]),
        ("done=true", [True, False, "true"], [True, "true"]),
        ("x=", ["", "a", None], [""]),
    ],
)
def test_numbers_are_compared_as_numbers_and_other_values_as_texts(
    text: str, values: list[Any], met: list[Any]
) -> None:
    condition = parse_condition(text)
    assert [value for value in values if condition.holds(value)] == met
