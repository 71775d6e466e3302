"""Check the types of the values in a stored object against the annotations of its dataclass.

Records and specs are data from outside, because other programs can damage or forge them. Without this check, a value of
a wrong type would cause an error much later, perhaps while the program works on another job.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from kubeque.model.text import cut

#: Maximum of a stored number with a fraction: the last second of the year 9999 as Unix time.
_LARGEST_FLOAT = 253_402_300_799.0
Accepts = Callable[[Any], bool]


def check_fields(kind: type, values: Mapping[str, Any]) -> None:
    """Raise TypeError, with name and value, if a value does not have the type of its field. `kind`: the dataclass.

    Parts that are objects themselves (`Shape`, `Word`) are checked when they are read. Unknown names are ignored.
    """
    accepting_fields = _accepting(kind)
    for name, value in values.items():
        accepts = accepting_fields.get(name)
        if accepts is not None and not accepts(value):
            raise TypeError(f"{name} is {cut(repr(value), 60)}")


def check_items(what: str, wire: Any, types: Sequence[Any]) -> None:
    """Raise TypeError if an item of a stored list has a wrong type. `what`: name of the list, for the message.

    The check is simple and fast, because every task has such lists. `types`: types of the items, in order.
    """
    if not isinstance(wire, list | tuple) or not all(map(isinstance, wire, types)):
        raise TypeError(f"{what} is {cut(repr(wire), 100)}")


@cache
def _accepting(kind: type) -> dict[str, Accepts]:
    hints = get_type_hints(kind)
    return {name: accepting(hints[name]) for name in kind.__dataclass_fields__}  # type: ignore[attr-defined]


@cache
def accepting(hint: Any) -> Accepts:
    """Return a function that takes a JSON value, and returns True if the value has the type `hint`."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        if _SIMPLE.issuperset(inner):  # much faster than a try of one type after the other
            kinds = frozenset(inner)
            return lambda value: type(value) in kinds
        choices = [accepting(choice) for choice in inner]
        return lambda value: any(accepts(value) for accepts in choices)
    if origin is tuple:
        return _accepting_tuple(inner)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        item = accepting(inner[1])
        return lambda value: isinstance(value, dict) and all(map(item, value.values()))
    return _PLAIN.get(hint) or (is_text if isinstance(hint, type) and issubclass(hint, Enum) else _is_anything)


def _accepting_tuple(inner: tuple[Any, ...]) -> Accepts:
    if inner[-1] is Ellipsis:
        item = accepting(inner[0])
        return lambda value: isinstance(value, list | tuple) and all(map(item, value))
    items = [accepting(choice) for choice in inner]

    def accepts(value: Any) -> bool:
        # A newer kubeque may have added items at the end.
        enough = isinstance(value, list | tuple) and len(value) >= len(items)
        return enough and all(accept(item) for accept, item in zip(items, value, strict=False))

    return accepts


def is_text(value: Any) -> bool:
    """True if the value is a text."""
    return isinstance(value, str)


def is_flag(value: Any) -> bool:
    """True if the value is a bool."""
    return type(value) is bool


def is_whole(value: Any) -> bool:
    """True if the value is a whole number, but not a bool."""
    return type(value) is int


def is_number(value: Any) -> bool:
    """True if the value is a finite number that is small enough to be a Unix time."""
    return type(value) in (int, float) and math.isfinite(value) and abs(value) <= _LARGEST_FLOAT


def _is_anything(value: Any) -> bool:
    return True


#: Types that are compared exactly, without subclasses.
_SIMPLE = frozenset({str, bool, int, NoneType})
_PLAIN: dict[Any, Accepts] = {
    str: is_text, bool: is_flag, int: is_whole, float: is_number, NoneType: lambda value: value is None,
}  # fmt: skip
