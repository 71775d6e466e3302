"""The types of columns: numbers stay numbers, and text like `007` stays text."""

from __future__ import annotations

import math
from typing import Any

import pytest

from kubeque.model.rows.column_types import Column, ValueType, read_text


def column(*values: Any) -> Column:
    found = Column("out", "x", "out.x")
    for value in values:
        found = found.widen(value)
    return found


@pytest.mark.parametrize(
    ("values", "kind", "converted"),
    [
        ((1, 2, None), ValueType.INTEGER, [1, 2, None]),
        ((1, 2.5), ValueType.NUMBER, [1.0, 2.5]),
        ((True, False), ValueType.BOOLEAN, [True, False]),
        ((True, 1), ValueType.TEXT, ["true", "1"]),
        (("a", 1, None), ValueType.TEXT, ["a", "1", None]),
        ((1 << 70, 1), ValueType.TEXT, [str(1 << 70), "1"]),
        ((None, None), ValueType.EMPTY, [None, None]),
    ],
)
def test_a_column_is_what_all_its_values_are(values: tuple[Any, ...], kind: ValueType, converted: list[Any]) -> None:
    found = column(*values)

    assert found.kind is kind
    assert [found.convert(value) for value in values] == converted


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12), ("-0.5", -0.5), ("1e-3", 0.001), ("true", True), ("", None), ("007", "007"), ("NA", "NA"),
        ("1_000", "1_000"), ("0x10", "0x10"), (" 1", " 1"),
    ],
)  # fmt: skip
def test_text_is_read_only_where_nothing_is_lost_of_its_meaning(text: str, value: Any) -> None:
    assert read_text(text) == value
    assert type(read_text(text)) is type(value)


@pytest.mark.parametrize(
    "value", [0.1 + 0.2, 1e16, -1.7976931348623157e308, 5e-324, 1 / 3000, math.inf, -math.inf, -0.0]
)
def test_each_float_that_python_writes_is_a_number(value: float) -> None:
    assert repr(read_text(repr(value))) == repr(value)


def test_nan_is_a_number_and_names_stay_text() -> None:
    assert math.isnan(read_text("nan"))
    for text in ("1234567890123456", "007", "+5", "00.5", "1_0.5", "0.12345678901234567890", "NaN", "infinity"):
        assert read_text(text) == text
