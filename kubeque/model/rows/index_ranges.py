"""Selections of tasks by their indexes, such as `3,5-9`."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import UserError
from kubeque.model.text import cut

_PART = re.compile(r"(?P<first>\d{1,18})(?:-(?P<last>\d{1,18}))?")
#: Maximum number of ranges that a message lists.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Ranges:
    """A set of whole numbers, stored as ranges."""

    #: Ranges in ascending order. They do not overlap.
    ranges: tuple[range, ...]

    def __contains__(self, number: object) -> bool:
        at = bisect_right(self.ranges, number, key=lambda part: part.start) if isinstance(number, int) else 0
        return at > 0 and number in self.ranges[at - 1]

    @property
    def first(self) -> int:
        """The smallest number."""
        return self.ranges[0][0]

    @property
    def last(self) -> int:
        """The largest number."""
        return self.ranges[-1][-1]

    def format_from(self, n: int) -> str:
        """Return the numbers from `n` on as text, for example `12, 50 to 60`; empty if there are none.

        If there are many ranges, only the first ranges and the number of the others are in the text.
        """
        beyond = [range(max(n, part[0]), part[-1] + 1) for part in self.ranges if part[-1] >= n]
        more = f" and {len(beyond) - _NAMED} more" if len(beyond) > _NAMED else ""
        named = (str(part[0]) if part[0] == part[-1] else f"{part[0]} to {part[-1]}" for part in beyond[:_NAMED])
        return ", ".join(named) + more

    def __str__(self) -> str:
        return ",".join(str(part[0]) if part[0] == part[-1] else f"{part[0]}-{part[-1]}" for part in self.ranges)


def parse_ranges(text: str) -> Ranges:
    """Return the numbers of a text such as `3,5-9`. A range includes both ends. Raises UserError."""
    merged: list[range] = []
    for part in sorted((_parse_part(part.strip(), text) for part in text.split(",")), key=lambda part: part.start):
        if merged and part.start <= merged[-1].stop:
            merged[-1] = range(merged[-1].start, max(merged[-1].stop, part.stop))
        else:
            merged.append(part)
    return Ranges(tuple(merged))


def _parse_part(part: str, text: str) -> range:
    found = _PART.fullmatch(part)
    if found is None or not part.isascii():
        raise UserError(f"{cut(text)!r} is not a selection of tasks: write their numbers, for example 3,5-9")
    first, last = int(found["first"]), int(found["last"] or found["first"])
    if last < first:
        raise UserError(f"{cut(text)!r} has a range that ends before it begins: write {last}-{first}")
    return range(first, last + 1)


def to_ranges(indexes: Iterable[int]) -> list[tuple[int, int]]:
    """Return ascending numbers as a list of half-open ranges (first, end)."""
    ranges: list[tuple[int, int]] = []
    for index in indexes:
        if ranges and ranges[-1][1] == index:
            ranges[-1] = ranges[-1][0], index + 1
        else:
            ranges.append((index, index + 1))
    return ranges
