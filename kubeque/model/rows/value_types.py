"""The Python types of values, kept beside their texts, so that a function and a table get what was given.

A type is one letter. The types of a column are a text: empty if all values are texts, one letter if all values have
this type, else one letter for each row (for a grid: for each value of its axis).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from kubeque.model.errors import ParametersError
from kubeque.model.rows.values import is_missing, to_text

TEXT, INTEGER, NUMBER, BOOLEAN, NONE, NAN, JSON = "t", "i", "f", "b", "n", "m", "j"
#: Types that only a function can get: as a text, such a value would be a mistake.
FUNCTION_ONLY = frozenset({NONE, NAN, JSON})
_OF_TYPE: Mapping[type, str] = {
    str: TEXT, int: INTEGER, float: NUMBER, bool: BOOLEAN, type(None): NONE, list: JSON, tuple: JSON, dict: JSON,
}  # fmt: skip
#: Kinds of the scalars of numpy.
_OF_KIND = {"i": INTEGER, "u": INTEGER, "f": NUMBER, "b": BOOLEAN}
_READERS: Mapping[str, Callable[[str], Any]] = {
    TEXT: str, INTEGER: int, NUMBER: float, BOOLEAN: lambda text: text == "true", NONE: lambda text: None, NAN: float,
    JSON: json.loads,
}  # fmt: skip


def type_of(value: object) -> str:
    """Return the letter of a value's type. Dates, decimals and other types that are sent as text are texts."""
    letter = _OF_TYPE.get(type(value))
    if letter is not None and letter != NUMBER:
        return letter
    if is_missing(value):
        return NAN if isinstance(value, float | Decimal) else NONE
    if isinstance(value, str | int | float):
        return next(_OF_TYPE[base] for base in (str, bool, int, float) if isinstance(value, base))
    return _OF_KIND.get(getattr(getattr(value, "dtype", None), "kind", ""), TEXT)


def to_typed_text(value: object, *, missing: str | None = None) -> str:
    """Return a value as `to_text` does; None, NaN, lists and dicts also have a text, which `to_value` reads.

    Raises ParametersError without the place of the value, which the caller adds.
    """
    if isinstance(value, list | tuple | dict):
        return _to_json(value)
    if missing is None and is_missing(value):
        return "nan" if type_of(value) == NAN else ""
    return to_text(value, missing=missing)


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


def _to_json(value: Any) -> str:
    if any(not isinstance(key, str) for item in _walk(value) if isinstance(item, dict) for key in item):
        raise ParametersError("a dict has a key that is not text, which JSON would change: give keys as strings")
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ParametersError(f"a list or dict cannot be JSON ({error}): give plain numbers and texts in it") from error


def _walk(value: Any) -> Iterable[Any]:
    """Yield all lists and dicts inside a value; a value that contains itself ends at JSON's own check."""
    seen, waiting = set(), [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list | tuple | dict) and id(item) not in seen:
            seen.add(id(item))
            yield item
            waiting.extend(item.values() if isinstance(item, dict) else item)
