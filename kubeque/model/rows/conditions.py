"""Conditions on a column of a job's table, such as `lr>0.1`."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import UserError
from kubeque.model.text import cut
from kubeque.model.wording import option

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<=": operator.le, ">=": operator.ge, "=": operator.eq, "<": operator.lt,
    ">": operator.gt,
}  # fmt: skip
_FORM = re.compile(r"(?P<column>[^=!<>]+)(?P<operator>==|!=|<=|>=|=|<|>)(?P<value>.*)", re.DOTALL)


def read_number(value: object) -> float | None:
    """Return a number, or a text that contains a number, as a float; None for any other value and for NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return None if math.isnan(number) else number


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison of one column with a value."""

    column: str
    operator: str
    value: str

    def holds(self, value: object) -> bool:
        """True if a value of the column meets the condition. A missing value meets no condition.

        If the value of the condition is a number, `<`, `>`, `<=` and `>=` are true only for numbers and for texts that
        contain numbers.
        """
        if value is None:
            return False
        compare, ours, theirs = _OPERATORS[self.operator], read_number(self.value), read_number(value)
        if ours is not None and theirs is not None:
            return compare(theirs, ours)
        if ours is not None and self.operator in ("<", ">", "<=", ">="):
            return False
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return compare(text, self.value)

    def __str__(self) -> str:
        return f"{self.column}{self.operator}{self.value}"


def parse_condition(text: str) -> Condition:
    """Return the condition in a text such as `lr>0.1`. Quotes around the value are removed. Raises UserError."""
    found = _FORM.fullmatch(text)
    if found is None or not found["column"].strip():
        raise UserError(
            f"{option('where')} {cut(repr(text), 80)} is not a condition: write a column, one of"
            " = != < <= > >=, and a value, for example lr>0.1"
        )
    value = found["value"].strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    return Condition(found["column"].strip(), found["operator"], value)
