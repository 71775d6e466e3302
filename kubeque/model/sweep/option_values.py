"""Read option values that come from Python code.

Each reader checks the type of a value, and converts the value to the form in a `Sweep`. The parameter `what` is the
name of the option for the error message. The parameter `remedy` is the part of the message about how to write the
value. Readers for lists and dicts of texts also accept other values that a row can have, for example numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path, PurePath
from typing import Any

from kubeque.model.command.command import Word
from kubeque.model.errors import CommandError, ParametersError, UserError
from kubeque.model.rows.rows import VALUE_BYTES
from kubeque.model.rows.values import to_text
from kubeque.model.text import describe, is_unicode

#: Largest absolute value of an option that is a count. It fits into 32 bits.
MAX_COUNT = 2**31 - 1
#: Largest absolute value of an option with a unit, for example bytes.
_MAX_QUANTITY = 2**63


def refuse(value: object, what: str, remedy: str) -> UserError:
    """Return the error for a wrong value of the option `what`. `remedy`: how to write the value."""
    return UserError(f"{what} {describe(value)}: {remedy}")


def read_any(value: Any, what: str, remedy: str) -> Any:
    """Return the value of an option unchanged, for options that are checked elsewhere."""
    return value


def read_text(value: Any, what: str, remedy: str) -> str:
    """Return the value of an option that is a text. Raises UserError for another type, NUL or invalid Unicode."""
    if not isinstance(value, str):
        raise refuse(value, what, remedy)
    if "\0" in value or not is_unicode(value):
        raise refuse(value, what, f"{remedy} without NUL, in UTF-8")
    return str.__str__(value)


def read_path(value: Any, what: str, remedy: str) -> Path:
    """Return the value of an option that is a path. Raises UserError for a value that is not a text or a path."""
    if not isinstance(value, str | PurePath):
        raise refuse(value, what, remedy)
    return Path(_argument(str(value), what, describe(value)))


def read_count(value: Any, what: str, remedy: str) -> int:
    """Return the value of an option as a whole number. Raises UserError for a fraction, a text or a boolean."""
    number = _unwrap(value)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool) or abs(number) > MAX_COUNT:
        raise refuse(value, what, remedy)
    return int(number)


def read_flag(value: Any, what: str, remedy: str) -> bool:
    """Return the value of an option that is True or False. Raises UserError for another type."""
    flag = _unwrap(value)
    if not isinstance(flag, bool):
        raise refuse(value, what, remedy)
    return flag


def read_quantity(value: Any, what: str, remedy: str) -> str | int | float:
    """Return the value of an option that is a number, or a text with a unit. The unit is not checked here.

    Raises UserError for another type.
    """
    found = _unwrap(value)
    if isinstance(found, str):
        return read_text(found, what, remedy)
    if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) <= _MAX_QUANTITY:
        raise refuse(value, what, remedy)
    return float(found) if isinstance(found, float) else int(found)


def read_time(value: Any, what: str, remedy: str) -> str | int | float:
    """Return the value of an option that is a duration: seconds, or a text with a unit. Raises UserError."""
    return value.total_seconds() if isinstance(value, timedelta) else read_quantity(value, what, remedy)


def read_texts(value: Any, what: str, remedy: str) -> tuple[str, ...]:
    """Return the value of an option that is a list of texts. Raises UserError for a single text or another type."""
    return tuple(_item(item, f"{what}[{at}]", remedy) for at, item in enumerate(_read_list(value, what, remedy)))


def read_words(value: Any, what: str, remedy: str) -> tuple[str | Word, ...]:
    """Return the words of a command, as texts or parsed words. Raises CommandError."""
    try:
        items = enumerate(_read_list(value, what, remedy))
        return tuple(item if isinstance(item, Word) else _item(item, f"{what}[{at}]", remedy) for at, item in items)
    except UserError as error:
        raise CommandError(str(error)) from error


def read_pairs(value: Any, what: str, remedy: str) -> dict[str, str]:
    """Return the value of an option that is a dict of texts.

    Raises UserError for another value. The message does not contain the value, because it can be a secret (`env`).
    """
    if not isinstance(value, Mapping):
        raise UserError(f"{what} is of type {type(value).__name__}: {remedy}")
    return {_name(name, what, remedy): _pair(name, content, what, remedy) for name, content in value.items()}


def read_counts(value: Any, what: str, remedy: str) -> dict[str, int]:
    """Return the value of an option that is a dict of whole numbers. Raises UserError for another value."""
    if not isinstance(value, Mapping):
        raise refuse(value, what, remedy)
    return {
        _name(name, what, remedy): read_count(count, f"{what} {describe(name)}", remedy)
        for name, count in value.items()
    }


def read_objects(value: Any, what: str, remedy: str) -> tuple[Any, ...]:
    """Return the value of an option that is a list of texts and JSON objects. Raises UserError for another value."""
    items = enumerate(_read_list(value, what, remedy))
    return tuple(
        read_object(item, f"{what}[{at}]", remedy) if isinstance(item, Mapping) else _item(item, what, remedy)
        for at, item in items
    )


def read_object(value: Any, what: str, remedy: str) -> dict[str, Any]:
    """Return the value of an option that is a JSON object. Raises UserError for a value that JSON cannot represent."""
    if not isinstance(value, Mapping):
        raise refuse(value, what, remedy)
    try:
        text = json.dumps(dict(value), allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(f"{what}: {remedy}, with values that JSON can hold ({error})") from error
    return dict(json.loads(text))


def _read_list(value: Any, what: str, remedy: str) -> Sequence[Any]:
    if isinstance(value, str | bytes | bytearray | memoryview) or not isinstance(value, Sequence):
        raise refuse(value, what, remedy)
    return value


def _item(value: Any, where: str, remedy: str) -> str:
    try:
        text = to_text(value)
    except ParametersError as error:
        raise refuse(value, where, remedy) from error
    return _argument(text, where, describe(value))


def _name(name: Any, what: str, remedy: str) -> str:
    if not isinstance(name, str) or not name or "=" in name or "\0" in name or not is_unicode(name):
        raise UserError(f"{what}: the name {describe(name)} is not valid: {remedy}")
    return str.__str__(name)


def _pair(name: str, value: Any, what: str, remedy: str) -> str:
    where, kind = f"{what} {describe(name)}", type(value).__name__
    try:
        text = to_text(value)
    except ParametersError as error:
        raise UserError(f"{where}: a value of type {kind} cannot be text: {remedy}") from error
    return _argument(text, where, "the value")


def _argument(text: str, where: str, shown: str) -> str:
    """Return `text` if a program can get it as an argument. Raises UserError for NUL, bad Unicode or a long text.

    `where`: name of the value in the message. `shown`: description of the value in the message.
    """
    try:
        size = len(text.encode("utf-8", "surrogateescape"))  # the name of a file can contain bytes that are not UTF-8
    except UnicodeEncodeError as error:
        raise UserError(f"{where}: {shown} has half of a surrogate pair: remove it") from error
    if "\0" in text:
        raise UserError(f"{where}: {shown} has a NUL, which an argument cannot contain: remove it")
    if size > VALUE_BYTES:
        raise UserError(f"{where}: {shown} is over {VALUE_BYTES >> 10} KiB: put the value into a file")
    return text


def _unwrap(value: Any) -> Any:
    """Return a scalar of numpy as a Python value. Return any other value unchanged."""
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value
