"""Parse a selection of tasks such as `3,5-9`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from kubeque.model.errors import UserError
from kubeque.model.text import cut

_PART = re.compile(r"(?P<first>\d+)(?:-(?P<last>\d+))?")


@dataclass(frozen=True, slots=True)
class Ranges:
    """A set of whole numbers, kept as ranges."""

    ranges: tuple[range, ...]

    def __contains__(self, number: object) -> bool:
        return any(number in part for part in self.ranges)


def parse_ranges(text: str) -> Ranges:
    """Return the numbers of a text such as `3,5-9`. A range includes both ends. Raises UserError."""
    return Ranges(tuple(_parse_part(part.strip(), text) for part in text.split(",")))


def _parse_part(part: str, text: str) -> range:
    found = _PART.fullmatch(part)
    if found is None or not part.isascii():
        raise UserError(f"{cut(text)!r} is not a selection of tasks: write their numbers, for example 3,5-9")
    first, last = int(found["first"]), int(found["last"] or found["first"])
    if last < first:
        raise UserError(f"{cut(text)!r} has a range that ends before it begins: write {last}-{first}")
    return range(first, last + 1)


def to_ranges(indexes: Iterable[int]) -> list[tuple[int, int]]:
    """Return ascending numbers as half-open ranges (first, end)."""
    ranges: list[tuple[int, int]] = []
    for index in indexes:
        if ranges and ranges[-1][1] == index:
            ranges[-1] = ranges[-1][0], index + 1
        else:
            ranges.append((index, index + 1))
    return ranges
