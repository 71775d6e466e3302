"""Columns of a table, and the types of their values. One pass over the rows finds the types."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from enum import StrEnum
from typing import Any

from kubeque.lazy_dataclass import dataclass

#: Maximum number of digits of a text that becomes a number, because floats represent this many digits exactly. Longer
#: numbers are often names, for example of accounts.
_DIGITS = 15
#: Patterns of texts that become numbers. `007` and `+5` do not match, because the numbers 7 and 5 would have other
#: texts.
_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
#: Pattern of texts that can be the form in which Python writes a float.
_FLOAT = re.compile(r"nan|-?inf|-?[0-9]{1,20}(\.[0-9]{1,20}|(\.[0-9]{1,20})?e[+-][0-9]{2,3})")
_INT64 = 1 << 63


class ValueType(StrEnum):
    """The common type of all values of a column."""

    #: No value yet.
    EMPTY = "empty"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    #: Origin of the values: "index", "param", "fact" or "out".
    source: str
    #: Name of the value at its origin.
    name: str
    #: Header in the table.
    shown: str
    kind: ValueType = ValueType.EMPTY
    #: True if a row may have no value.
    gaps: bool = False

    def widen(self, value: Any) -> Column:
        """Return this column with a type that also fits `value`. None fits every type."""
        kind = kind_of(value)
        if kind in (self.kind, ValueType.EMPTY):
            return self
        if self.kind is ValueType.EMPTY:
            return replace(self, kind=kind)
        both = {kind, self.kind}
        return replace(self, kind=ValueType.NUMBER if both == {ValueType.INTEGER, ValueType.NUMBER} else ValueType.TEXT)

    def convert(self, value: Any) -> Any:
        """Return `value` in the type of this column. A missing value becomes None."""
        if value is None or (value == "" and self.kind is not ValueType.TEXT):
            return None
        if self.kind is ValueType.TEXT or self.kind is ValueType.EMPTY:
            return value if isinstance(value, str) else json.dumps(value)
        value = read_text(value) if isinstance(value, str) else value
        return float(value) if self.kind is ValueType.NUMBER else value


def kind_of(value: Any) -> ValueType:
    """Return the type of one value."""
    if value is None:
        return ValueType.EMPTY
    if isinstance(value, bool):
        return ValueType.BOOLEAN
    if isinstance(value, int):
        return ValueType.INTEGER if is_int64(value) else ValueType.TEXT
    return ValueType.NUMBER if isinstance(value, float) else ValueType.TEXT


def is_int64(value: int) -> bool:
    """True if a table can store the value as a 64-bit integer."""
    return -_INT64 <= value < _INT64


def read_text(text: str) -> Any:
    """Return the integer, float or boolean that a text contains; otherwise the text. An empty text becomes None.

    A text with a leading zero or a plus sign stays a text. A text with more than 15 digits becomes a number only if it
    is exactly the `repr` of a float.
    """
    number = _NUMBER.fullmatch(text)
    if number and sum(len(part) - (part[0] == ".") for part in number.groups()[:2] if part) <= _DIGITS:
        return int(text) if _INTEGER.fullmatch(text) else float(text)
    if _FLOAT.fullmatch(text) and repr(float(text)) == text:
        return float(text)
    return {"": None, "true": True, "false": False}.get(text, text)
