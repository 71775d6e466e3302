"""Group files for transfer. Small files are transferred together, and large files alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

T = TypeVar("T")

#: Largest size of a small file, bytes. Small files are transferred in groups.
SMALL_BYTES = 1 << 20
#: Largest number of files and of bytes in a group. A group is held in memory.
_FILES, _BYTES = 64, 2 << 20


class Copy(NamedTuple):
    """A file of this machine and its URL in a store. Either of them may be the source."""

    path: str
    url: str
    #: Size in bytes.
    size: int
    #: SHA-256 (hex); empty if it is not checked.
    digest: str = ""


def in_groups(
    items: Iterable[T], size: Callable[[T], int], *, most: int = _FILES, most_bytes: int = _BYTES
) -> Iterator[list[T]]:
    """Yield the items in order, as groups of at most `most` items and `most_bytes` bytes.

    A larger item forms its own group.
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
