"""Convert Python values to the texts that a program receives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from uuid import UUID

from kubeque.model.errors import ParametersError
from kubeque.model.text import describe

#: Names of the types of missing values in pandas. This module does not import pandas.
_MISSING_TYPES = frozenset({"NAType", "NaTType"})


def to_text(value: object, *, missing: str | None = None) -> str:
    """Return `value` as text: `true` or `false`, an ISO date, the shortest form of a float, or a text unchanged.

    `missing`: text for None, NaN and NaT; None if a missing value is an error. Raises ParametersError. The caller adds
    the position of the value to its message.
    """
    convert = _EXACT.get(type(value))
    if convert:
        return convert(value)
    if is_missing(value):
        if missing is None:
            remedy = (
                "write '' for an empty text; from_records, kubeque.map and the Airflow operator also take missing=''"
            )
            raise ParametersError(f"the value is missing ({value!r}): {remedy}")
        return missing
    text = _number(value) if isinstance(value, int | float | Decimal) else _other(value)
    if text is None:
        raise ParametersError(
            f"a value of type {type(value).__name__} cannot be text: give a string, a number, a boolean or a date"
        )
    return text


def is_missing(value: Any) -> bool:
    """True for None, NaN, and the missing values of pandas and numpy."""
    if value is None or type(value).__name__ in _MISSING_TYPES:
        return True
    if isinstance(value, Decimal):
        return value.is_nan()
    # Only NaN and numpy's NaT differ from themselves. Arrays are excluded, because their comparison has more than one
    # result.
    return (isinstance(value, float) or _is_scalar(value)) and bool(value != value)


def refuse_missing(records: Iterable[Mapping[str, object]], name: str, fault: str) -> None:
    """Raise ParametersError for the first missing value of a file. `name`: name of the file.

    `fault`: description of a missing value of this kind of file, with the remedies.
    """
    for number, record in enumerate(records):
        for column, value in record.items():
            if is_missing(value):
                raise ParametersError(f"{name}: row {number}, column {describe(column)}: the value is {fault}")


def _integer(value: int) -> str:
    try:
        return int.__repr__(value)
    except ValueError as error:  # Python writes at most 4,300 digits
        raise ParametersError("the number has too many digits: give it as a string") from error


def _number(value: Any) -> str:
    if isinstance(value, int):
        return _integer(value)
    # Use the repr of the base class. The repr of numpy's float64 is np.float64(0.5).
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
    """True if `value` is a scalar of numpy or a similar library: an array without dimensions."""
    return getattr(value, "shape", None) == () and hasattr(value, "item")


def _scalar(value: Any) -> str | None:
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    # .item() would convert the float32 0.1 to 0.10000000149011612, and a date in nanoseconds to an int.
    if kind in ("f", "M"):
        return str(value)
    item = value.item()
    plain = isinstance(item, str | int | float | Decimal | date | time)
    return to_text(item) if plain and kind != "m" else None


#: Functions that convert the most frequent types, which are tried first.
_EXACT: Mapping[type, Callable[[Any], str]] = {
    str: lambda text: text,
    bool: lambda truth: "true" if truth else "false",
    int: _integer,
}


def convert_at(
    convert: Callable[..., str], value: object, missing: str | None, position: str, index: int, column: str
) -> str:
    """Return the text of a value. Raises ParametersError with the position of the value in the message.

    `convert`: function that converts the value, such as `to_text`. `position`: format string for the index and the
    column.
    """
    try:
        return convert(value, missing=missing)
    except ParametersError as error:
        raise ParametersError(f"{position.format(index, column)}: {error}") from error
