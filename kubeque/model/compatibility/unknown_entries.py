"""Read and write stored objects that a newer kubeque may have extended.

A reader keeps the unknown entries of an object in the field `extra`, and unknown items at the end of a list. When the
object is written again, these entries and items are written back unchanged.
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
    """Return the names of the fields of a dataclass that are entries of the stored object."""
    return frozenset(kind.__dataclass_fields__) - _NOT_STORED  # type: ignore[attr-defined]


def read_fields(kind: type, wire: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments for a dataclass from a stored object. Unknown entries are in the argument `extra`.

    Raises TypeError for an object that is not a mapping, and for an entry of a wrong type.
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
    """Return the decompressed form of zlib data. Raises zlib.error for damaged data.

    Raises ValueError if the result has more than `limit` bytes, or if the end of the data is missing.
    """
    stream = zlib.decompressobj()
    found = stream.decompress(data, limit + 1)
    if len(found) > limit:
        raise ValueError(f"it has more than {limit} bytes")
    if not stream.eof:
        raise ValueError("its end is missing")
    return found


def explain(error: Exception) -> str:
    """Return the class and the message of an error as one line.

    The message alone may be only a value, for example the key of a KeyError.
    """
    return f"{type(error).__name__}: {one_line(error, 200)}"


def write_fields(value: Any) -> dict[str, Any]:
    """Return the stored object for a dataclass object: its fields, and the unknown entries that `read_fields` kept."""
    fields = (name for name in value.__dataclass_fields__ if name not in _NOT_STORED)
    return {**value.extra, **{name: getattr(value, name) for name in fields}}
