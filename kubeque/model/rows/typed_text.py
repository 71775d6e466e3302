"""The type and the text of a Python value. `value_types.to_value` restores the value from these two."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from kubeque.model.errors import ParametersError
from kubeque.model.rows.value_types import BOOLEAN, INTEGER, JSON, NAN, NONE, NUMBER, TEXT
from kubeque.model.rows.values import is_missing, to_text

_OF_TYPE: Mapping[type, str] = {
    str: TEXT, int: INTEGER, float: NUMBER, bool: BOOLEAN, type(None): NONE, list: JSON, tuple: JSON, dict: JSON,
}  # fmt: skip
#: Letter of the type of a numpy scalar, by the kind of its dtype.
_OF_KIND = {"i": INTEGER, "u": INTEGER, "f": NUMBER, "b": BOOLEAN}


def type_of(value: object) -> str:
    """Return the letter of a value's type (see value_types).

    A value that is stored as text, such as a date or a decimal, has the letter of text.
    """
    letter = _OF_TYPE.get(type(value))
    if letter is not None and letter != NUMBER:
        return letter
    if is_missing(value):
        return NAN if isinstance(value, float | Decimal) else NONE
    if isinstance(value, str | int | float):
        return next(_OF_TYPE[base] for base in (str, bool, int, float) if isinstance(value, base))
    return _OF_KIND.get(getattr(getattr(value, "dtype", None), "kind", ""), TEXT)


def to_typed_text(value: object, *, missing: str | None = None) -> str:
    """Return the text of a value, as `to_text` does, but also of a list, a dict, None or NaN. `to_value` reads it.

    `missing`: text for None and NaN. By default, they are written in the form that `to_value` reads. Raises
    ParametersError. The caller adds the position of the value to its message.
    """
    if isinstance(value, list | tuple | dict):
        return _to_json(value)
    if missing is None and is_missing(value):
        return "nan" if type_of(value) == NAN else ""
    return to_text(value, missing=missing)


def _to_json(value: Any) -> str:
    if any(not isinstance(key, str) for item in _walk(value) if isinstance(item, dict) for key in item):
        raise ParametersError("a dict has a key that is not text, which JSON would change: give keys as strings")
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ParametersError(f"a list or dict cannot be JSON ({error}): give plain numbers and texts in it") from error


def _walk(value: Any) -> Iterable[Any]:
    """Yield `value` and all lists and dicts inside it, each object once.

    A value that contains itself ends the walk, too.
    """
    seen, waiting = set(), [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list | tuple | dict) and id(item) not in seen:
            seen.add(id(item))
            yield item
            waiting.extend(item.values() if isinstance(item, dict) else item)
