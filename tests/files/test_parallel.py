"""Parallel calls return their results in order. The first error ends them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from kubeque.files.parallel import in_parallel


def test_results_come_in_the_order_of_the_items() -> None:
    def slow_if_even(number: int) -> int:
        time.sleep(0.01 if number % 2 == 0 else 0)
        return number

    assert list(in_parallel(slow_if_even, range(20), threads=8)) == list(range(20))


def test_they_run_at_the_same_time() -> None:
    barrier = threading.Barrier(4, timeout=10)
    assert len(list(in_parallel(lambda _: barrier.wait(), range(4), threads=4))) == 4


def test_items_are_taken_only_as_they_are_needed() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    results = in_parallel(lambda number: number, items(), threads=2)
    next(results)
    assert len(taken) <= 5
    results.close()  # type: ignore[attr-defined]


def test_the_first_error_is_raised_and_what_has_not_begun_never_does() -> None:
    begun: list[int] = []

    def fail(number: int) -> None:
        begun.append(number)
        time.sleep(0.005)
        raise ValueError(number)

    with pytest.raises(ValueError, match="0"):
        list(in_parallel(fail, range(100), threads=2))
    assert len(begun) <= 4
