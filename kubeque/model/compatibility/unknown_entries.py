"""Conversion of stored objects that a newer kubeque may have extended.

A reader keeps unknown entries of an object in the field `extra`. It also keeps unknown items at the end of a list. A
program that rewrites the record writes the unknown entries and items back unchanged.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import cache
from typing import Any

from kubeque.model.compatibility.stored_types import check_fields
from kubeque.model.text import cut, one_line

#: Errors that can occur when a damaged object is decoded.
UNREADABLE = (
    ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError, RecursionError, zlib.error,
)  # fmt: skip
#: Fields of a dataclass that are not entries of its stored object.
_NOT_STORED = frozenset({"extra", "needs", "written_by", "record_extra"})


@cache
def stored_fields(kind: type) -> frozenset[str]:
    """Return the names of those fields of a dataclass that its stored object contains."""
    return frozenset(kind.__dataclass_fields__) - _NOT_STORED  # type: ignore[attr-defined]


def read_fields(kind: type, wire: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a dataclass from a stored object: known entries, and all other entries as `extra`.

    Raises TypeError for an entry of a wrong type.
    """
    if not isinstance(wire, Mapping):
        raise TypeError(f"{kind.__name__} is {cut(repr(wire), 60)}")
    known = stored_fields(kind)
    fields = {key: value for key, value in wire.items() if key in known}
    if len(fields) < len(wire):
        fields["extra"] = {key: value for key, value in wire.items() if key not in known}
    check_fields(kind, fields)
    return fields


def decompress(data: bytes, limit: int) -> bytes:
    """Decompress data of zlib. Raises zlib.error. Raises ValueError for more than `limit` bytes or a missing end."""
    stream = zlib.decompressobj()
    found = stream.decompress(data, limit + 1)
    if len(found) > limit:
        raise ValueError(f"it has more than {limit} bytes")
    if not stream.eof:
        raise ValueError("its end is missing")
    return found


def explain(error: Exception) -> str:
    """Return the class and the message of an error.

    The message alone can be only a value, for example the key of a KeyError.
    """
    return f"{type(error).__name__}: {one_line(error, 200)}"


def write_fields(value: Any) -> dict[str, Any]:
    """Return the stored object of a dataclass: its fields, and the entries that `read_fields` kept."""
    fields = (name for name in value.__dataclass_fields__ if name not in _NOT_STORED)
    return {**value.extra, **{name: getattr(value, name) for name in fields}}
