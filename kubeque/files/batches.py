"""Many files at once: small ones together, in requests that wait side by side, large ones by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

T = TypeVar("T")

#: A file of up to so many bytes is a small one.
SMALL_BYTES = 1 << 20
#: Together go at most so many files, and bytes: they are in memory.
_FILES, _BYTES = 64, 2 << 20


class Copy(NamedTuple):
    """A file of this machine and where it is in a store, whichever is there already."""

    path: str
    url: str
    #: Bytes.
    size: int
    #: SHA-256, hex; empty: any.
    digest: str = ""


def in_groups(
    items: Iterable[T], size: Callable[[T], int], *, most: int = _FILES, most_bytes: int = _BYTES
) -> Iterator[list[T]]:
    """The items, in order, as groups that go together: up to `most`, of `most_bytes` together or one that is larger."""
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
