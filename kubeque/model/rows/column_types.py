"""Columns of a table and what is in them: found while the rows pass by, so that numbers can be kept as numbers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

#: `007` is none: it would come back as 7.
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,3})?")
_INT64 = 1 << 63


class ValueType(StrEnum):
    """What all values of a column are."""

    #: Nothing was seen yet.
    EMPTY = "empty"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    #: Where its values come from: "index", "param", "fact" or "out".
    source: str
    #: What it is called there, and in the table.
    name: str
    shown: str
    kind: ValueType = ValueType.EMPTY

    def seen(self, value: Any) -> Column:
        """The column after one more value; None is no value."""
        kind = _kind(value)
        if kind in (self.kind, ValueType.EMPTY):
            return self
        if self.kind is ValueType.EMPTY:
            return replace(self, kind=kind)
        both = {kind, self.kind}
        return replace(self, kind=ValueType.NUMBER if both == {ValueType.INTEGER, ValueType.NUMBER} else ValueType.TEXT)

    def convert(self, value: Any) -> Any:
        """A value as this column has it; None where there is none."""
        if value is None or (value == "" and self.kind is not ValueType.TEXT):
            return None
        if self.kind is ValueType.TEXT or self.kind is ValueType.EMPTY:
            return value if isinstance(value, str) else json.dumps(value)
        value = read_text(value) if isinstance(value, str) else value
        return float(value) if self.kind is ValueType.NUMBER else value


def _kind(value: Any) -> ValueType:
    if value is None:
        return ValueType.EMPTY
    if isinstance(value, bool):
        return ValueType.BOOLEAN
    if isinstance(value, int):
        return ValueType.INTEGER if -_INT64 <= value < _INT64 else ValueType.TEXT
    return ValueType.NUMBER if isinstance(value, float) else ValueType.TEXT


def read_text(text: str) -> Any:
    """What a text says: a whole number, a number, true or false; None where it is empty; else the text."""
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    return {"": None, "true": True, "false": False}.get(text, text)
