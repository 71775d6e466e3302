"""Group files for a transfer. Small files are transferred in groups, and each large file alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

T = TypeVar("T")

#: Largest size of a small file, bytes. Only groups of small files are transferred in one request.
SMALL_BYTES = 1 << 20
#: Largest number of files in a group, and largest size of a group in bytes. A group is kept in memory.
_FILES, _BYTES = 64, 2 << 20


class Copy(NamedTuple):
    """One file to transfer between this machine and a store, in either direction."""

    #: Path on this machine.
    path: str
    #: URL in the store.
    url: str
    #: Size, bytes.
    size: int
    #: SHA-256 (hex) of the contents; empty if it is not checked.
    digest: str = ""


def in_groups(
    items: Iterable[T], size: Callable[[T], int], *, most: int = _FILES, most_bytes: int = _BYTES
) -> Iterator[list[T]]:
    """Yield the items in order, in groups of at most `most` items and `most_bytes` bytes.

    `size`: returns the size of an item, bytes. An item of more than `most_bytes` forms a group of its own.
    """
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
