"""A cache of specs drops the one that was not used for the longest time, and never one that is being used."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from operator import neg

import pytest

from kubeque.model.recently_used import RecentlyUsed


def test_the_value_that_was_not_used_for_the_longest_time_is_dropped() -> None:
    cache, made = RecentlyUsed[str, str](2), list[str]()

    def make(key: str) -> str:
        made.append(key)
        return key.upper()

    assert [cache.get(key, partial(make, key)) for key in "abacab"] == list("ABACAB")
    assert made == ["a", "b", "c", "b"]


def test_an_error_is_not_kept() -> None:
    cache = RecentlyUsed[str, float](1)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 / 0)
    assert cache.get("a", lambda: 2) == cache.get("a", lambda: 3) == 2


def test_threads_can_evict_the_values_of_each_other() -> None:
    cache = RecentlyUsed[int, int](3)

    def use(start: int) -> bool:
        return all(cache.get(key, partial(neg, key)) == -key for key in [*range(start, start + 20)] * 20)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(8)))
