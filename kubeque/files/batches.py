"""Group files for transfer: small ones together, large ones alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

T = TypeVar("T")

#: Largest size of a small file, bytes. Small files are transferred in groups.
SMALL_BYTES = 1 << 20
#: Largest group: files, and bytes. A group is held in memory.
_FILES, _BYTES = 64, 2 << 20


class Copy(NamedTuple):
    """A file of this machine and its URL in a store; either may be the source."""

    path: str
    url: str
    #: Bytes.
    size: int
    #: SHA-256, hex; empty: not checked.
    digest: str = ""


def in_groups(
    items: Iterable[T], size: Callable[[T], int], *, most: int = _FILES, most_bytes: int = _BYTES
) -> Iterator[list[T]]:
    """Yield the items, in order, in groups of up to `most` items and `most_bytes` bytes; a larger item is a group."""
    group: list[T] = []
    room = most_bytes
    for item in items:
        if group and (len(group) >= most or size(item) > room):
            yield group
            group, room = [], most_bytes
        group.append(item)
        room -= size(item)
    if group:
        yield group
