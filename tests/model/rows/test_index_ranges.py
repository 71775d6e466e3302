"""Ranges that select some of many tasks."""

from __future__ import annotations

import pytest

from kubeque.model.errors import UserError
from kubeque.model.rows.index_ranges import parse_ranges


def test_numbers_and_ranges_are_told() -> None:
    some = parse_ranges("3,5-9, 12")
    assert [number for number in range(20) if number in some] == [3, 5, 6, 7, 8, 9, 12]
    assert 10**9 in parse_ranges("0-999999999999")


@pytest.mark.parametrize("text", ["", "3,", "a", "-3", "5-", "1.5", "9-5", "3;5", "٣"])
def test_what_is_no_number_is_told_with_an_example(text: str) -> None:
    with pytest.raises(UserError, match=r"write (their numbers, for example 3,5-9|5-9)"):
        parse_ranges(text)
