"""The Python types of values, stored beside their texts, so that a function and a table get the original values.

A type is one letter. The types of a column are a string of letters. The string is empty if all values are text. It has
one letter if all values have the same type. Otherwise it has one letter for each row, or for each value of a grid's
axis.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

TEXT, INTEGER, NUMBER, BOOLEAN, NONE, NAN, JSON = "t", "i", "f", "b", "n", "m", "j"
#: Types that only a function can get. As text for a command, such a value would be a mistake.
FUNCTION_ONLY = frozenset({NONE, NAN, JSON})
_READERS: Mapping[str, Callable[[str], Any]] = {
    TEXT: str, INTEGER: int, NUMBER: float, BOOLEAN: lambda text: text == "true", NONE: lambda text: None, NAN: float,
    JSON: json.loads,
}  # fmt: skip


def to_value(letter: str, text: str) -> Any:
    """Return the Python value of a text. For an unknown type or a damaged text, return the text."""
    try:
        return _READERS.get(letter, str)(text)
    except (ValueError, RecursionError):
        return text


def fold(letters: Sequence[str]) -> str:
    """Return the shortest form of the types of a column, from the letters of its values."""
    if len(set(letters)) > 1:
        return "".join(letters)
    return "" if letters[0] == TEXT else letters[0]


def unfold(types: str, at: int) -> str:
    """Return the letter of value `at` of a column."""
    if not types:
        return TEXT
    return types if len(types) == 1 else types[at]


def fold_columns(letters: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the types of the columns from the letters of their values; () if all values are text."""
    types = tuple(map(fold, letters))
    return types if any(types) else ()
