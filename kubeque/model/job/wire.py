"""Read stored values of which a newer kubeque may know more.

A reader keeps what it does not know: entries of an object in the field `extra`, and items behind the last known one
of a list. Whoever rewrites the record writes them back unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

#: Fields of a value that have no entry of their own in its stored object.
_NOT_STORED = frozenset({"extra", "needs", "written_by", "record_extra"})


@cache
def stored_fields(kind: type) -> frozenset[str]:
    """Return the names of the fields of a dataclass that are entries of its stored object."""
    return frozenset(kind.__dataclass_fields__) - _NOT_STORED  # type: ignore[attr-defined]


def read_fields(kind: type, wire: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments to make a dataclass from a stored object: known entries, and the others as `extra`."""
    known = stored_fields(kind)
    fields = {key: value for key, value in wire.items() if key in known}
    if len(fields) < len(wire):
        fields["extra"] = {key: value for key, value in wire.items() if key not in known}
    return fields


def write_fields(value: Any) -> dict[str, Any]:
    """Return the stored object of a dataclass: its fields, and the entries that `read_fields` kept."""
    fields = (name for name in value.__dataclass_fields__ if name not in _NOT_STORED)
    return {**value.extra, **{name: getattr(value, name) for name in fields}}
