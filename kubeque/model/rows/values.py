"""Values of Python as the text that a program is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from uuid import UUID

from kubeque.model.errors import ParametersError

#: What pandas calls the values that are not there. pandas itself is never imported here.
_MISSING_TYPES = frozenset({"NAType", "NaTType"})


def to_text(value: object, *, missing: str | None = None) -> str:
    """`value` as text: true and false, ISO dates, the shortest float, everything that is text as it is.

    `missing` is the text for None, NaN and the like; without it they are an error. Raises ParametersError, which does
    not say where the value stood: the caller knows that.
    """
    convert = _EXACT.get(type(value))
    if convert:
        return convert(value)
    if _is_missing(value):
        if missing is None:
            remedy = "write '' for an empty text (in records and frames missing='' does it for all rows)"
            raise ParametersError(f"the value is missing ({value!r}): {remedy}")
        return missing
    text = _number(value) if isinstance(value, int | float | Decimal) else _other(value)
    if text is None:
        raise ParametersError(
            f"a value of type {type(value).__name__} is no text: give a string, a number, a truth value or a date"
        )
    return text


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in _MISSING_TYPES:
        return True
    if isinstance(value, Decimal):
        return value.is_nan()
    # NaN and numpy's NaT are the scalars that differ from themselves; an array has no single answer.
    return (isinstance(value, float) or _is_scalar(value)) and bool(value != value)


def _integer(value: int) -> str:
    try:
        return int.__repr__(value)
    except ValueError as error:  # Python writes 4,300 digits and no more
        raise ParametersError("the number has too many digits to be written: give it as a string") from error


def _number(value: Any) -> str:
    if isinstance(value, int):
        return _integer(value)
    # The base's own repr: numpy's float64 is a float whose repr is np.float64(0.5).
    return float.__repr__(value) if isinstance(value, float) else str(value)


def _other(value: Any) -> str | None:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, UUID | PurePath):
        return str(value)
    return _scalar(value) if _is_scalar(value) else None


def _is_scalar(value: Any) -> bool:
    """Is it a number of numpy or the like: an array without dimensions?"""
    return getattr(value, "shape", None) == () and hasattr(value, "item")


def _scalar(value: Any) -> str | None:
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    # A float32 of 0.1 becomes 0.10000000149011612 on its way through .item(), a date in nanoseconds becomes an int.
    if kind in ("f", "M"):
        return str(value)
    item = value.item()
    plain = isinstance(item, str | int | float | Decimal | date | time)
    return to_text(item) if plain and kind != "m" else None


#: What comes by far most often, and needs no second look.
_EXACT: Mapping[type, Callable[[Any], str]] = {
    str: lambda text: text,
    bool: lambda truth: "true" if truth else "false",
    int: _integer,
}
