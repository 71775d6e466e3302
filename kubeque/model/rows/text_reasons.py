"""Explain why a column of texts does not become a column of numbers, or of true and false."""

from __future__ import annotations

import re
from dataclasses import field
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.rows.column_types import ValueType, kind_of
from kubeque.model.text import describe

#: Matches a text that people read as a number, also if it stays a text. Its group has the text without the sign.
_LIKE_NUMBER = re.compile(r"\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\s*")
#: Maximum length of a value in an explanation, characters.
_SHOWN = 40


@dataclass(slots=True)
class TextReasons:
    """The values of one column because of which it stays text. `add` adds a value."""

    #: The first text that looks like a number or boolean but is neither, with its row and the reason.
    almost: str = ""
    #: The row with the first value of each type, and this value. Integers count as numbers.
    first: dict[ValueType, str] = field(default_factory=dict)

    def add(self, index: int, text: str, value: Any) -> None:
        """Add the value of the row `index`. `text`: the text of the value. `value`: the result of `read_text`."""
        kind = kind_of(value)
        kind = ValueType.NUMBER if kind is ValueType.INTEGER else kind
        if kind is ValueType.EMPTY:
            return
        if kind not in self.first:
            self.first[kind] = f"row {index} has {describe(text, _SHOWN)}"
        if kind is ValueType.TEXT and not self.almost and (reason := _explain(text)):
            self.almost = f"{describe(text, _SHOWN)} in row {index} has {reason}"

    def explain(self) -> str:
        """Return why the column stays text; empty if all its values are types of one kind, or ordinary texts."""
        one, *others = self.first.values() or [""]
        return self.almost or (f"{one}, and {others[0]}" if others else "")


def _explain(text: str) -> str:
    """Return why a text that looks like a number or boolean is neither; empty if it does not look like one."""
    if text.lower() in ("true", "false"):
        return "capital letters"
    number = _LIKE_NUMBER.fullmatch(text)
    if number is None:
        return ""
    digits = number[1]
    if text != text.strip():
        return "a blank at its start or end"
    if text.startswith("+"):
        return "a plus sign"
    if re.match("0[0-9]", digits):
        return "a leading zero"
    if digits.startswith(".") or digits.endswith("."):
        return "no digit before or after the point"
    return "more than 15 digits" if len(digits) > 15 else "a large exponent"
