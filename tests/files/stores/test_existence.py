"""Existence checks: few names by single requests, many by listings, except in a store with very many files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from kubeque.files.stores.existence import find_present


@dataclass
class Shelf:
    """Names that exist, and the requests that were made."""

    names: Sequence[str]
    asked: list[str] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)

    def ask(self, name: str) -> bool:
        self.asked.append(name)
        return name in self.names

    def beginning(self, start: str) -> list[str]:
        self.listed.append(start)
        return [name for name in self.names if name.startswith(start)]

    def has(self, names: Sequence[str]) -> frozenset[str]:
        return find_present(names, ask=self.ask, beginning=self.beginning)


def digests(first: int, last: int) -> list[str]:
    return [hashlib.sha256(b"%d" % number).hexdigest() for number in range(first, last)]


@pytest.mark.parametrize(("wanted", "there"), [(1_000, 0), (1_000, 500), (500, 3_000), (1_000, 10_000)])
def test_many_digests_are_looked_up_in_a_few_listings(wanted: int, there: int) -> None:
    shelf = Shelf(digests(wanted // 2, wanted // 2 + there))
    assert shelf.has(digests(0, wanted)) == set(digests(wanted // 2, min(wanted, wanted // 2 + there)))
    assert shelf.asked == []
    assert len(shelf.listed) < 20


def test_among_very_many_they_are_asked_for_one_by_one() -> None:
    shelf = Shelf(digests(0, 50_000))
    assert len(shelf.has(digests(49_900, 50_100))) == 100
    assert len(shelf.asked) == 200


@pytest.mark.parametrize("names", [digests(0, 3), [f"{number:064}.csv" for number in range(200)]])
def test_few_and_other_names_are_just_asked_for(names: list[str]) -> None:
    shelf = Shelf(names[:2])
    assert shelf.has(names) == set(names[:2])
    assert shelf.listed == []
