"""The Python types of values, kept beside their texts, so that a function and a table get the original values.

A type is one letter. The types of a column are a text: empty if all values are texts, one letter if all values have
this type, else one letter for each row (for a grid: for each value of its axis).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

TEXT, INTEGER, NUMBER, BOOLEAN, NONE, NAN, JSON = "t", "i", "f", "b", "n", "m", "j"
#: Types that only a function can get: as a text, such a value would be a mistake.
FUNCTION_ONLY = frozenset({NONE, NAN, JSON})
_READERS: Mapping[str, Callable[[str], Any]] = {
    TEXT: str, INTEGER: int, NUMBER: float, BOOLEAN: lambda text: text == "true", NONE: lambda text: None, NAN: float,
    JSON: json.loads,
}  # fmt: skip


def to_value(letter: str, text: str) -> Any:
    """Return the Python value of a text. The value of an unknown type, or of a damaged text, is the text."""
    try:
        return _READERS.get(letter, str)(text)
    except (ValueError, RecursionError):
        return text


def fold(letters: Sequence[str]) -> str:
    """Return the types of a column from the letters of its values: as short as possible."""
    if len(set(letters)) > 1:
        return "".join(letters)
    return "" if letters[0] == TEXT else letters[0]


def unfold(types: str, at: int) -> str:
    """Return the letter of value `at` of a column."""
    if not types:
        return TEXT
    return types if len(types) == 1 else types[at]


def fold_columns(letters: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the types of the columns from the letters of their values; () if all are texts."""
    types = tuple(map(fold, letters))
    return types if any(types) else ()
