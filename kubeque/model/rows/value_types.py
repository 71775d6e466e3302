"""The Python types of values. They are stored beside the texts, so that a function and a table get the original values.

A type is one letter. The types of a column are a string of letters. The string is empty if all values are texts. It has
one letter if all values have the same type. Otherwise it has one letter for each row, or for each value of a grid's
axis.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

TEXT, INTEGER, NUMBER, BOOLEAN, NONE, NAN, JSON = "t", "i", "f", "b", "n", "m", "j"
#: Types of values that only a function can get. In a command, such a value would be a mistake.
FUNCTION_ONLY = frozenset({NONE, NAN, JSON})
_READERS: Mapping[str, Callable[[str], Any]] = {
    TEXT: str, INTEGER: int, NUMBER: float, BOOLEAN: lambda text: text == "true", NONE: lambda text: None, NAN: float,
    JSON: json.loads,
}  # fmt: skip


def to_value(letter: str, text: str) -> Any:
    """Return the Python value of a text with the type `letter`.

    For an unknown type or a damaged text, return the text.
    """
    try:
        return _READERS.get(letter, str)(text)
    except (ValueError, RecursionError):
        return text


def fold(letters: Sequence[str]) -> str:
    """Return the types of a column as a string, as short as possible. `letters`: the letter of each value."""
    if len(set(letters)) > 1:
        return "".join(letters)
    return "" if letters[0] == TEXT else letters[0]


def unfold(types: str, at: int) -> str:
    """Return the letter of value number `at` of a column. `types`: string that `fold` returned."""
    if not types:
        return TEXT
    return types if len(types) == 1 else types[at]


def fold_columns(letters: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the types of each column as `fold` returns them; () if all values are texts.

    `letters`: for each column, the letters of its values.
    """
    types = tuple(map(fold, letters))
    return types if any(types) else ()
