"""Thousands of schedules, each from a seed. Whatever fails, the queue keeps its guarantees."""

from __future__ import annotations

import os

import pytest

from tests.queues.fuzz.bugs import BUGS
from tests.queues.fuzz.plan import Schedule, failure, first_failure, shorten, story

#: Number of schedules. KUBEQUE_FUZZ_SEEDS raises it.
SEEDS = int(os.environ.get("KUBEQUE_FUZZ_SEEDS", "300"))
#: Numbers of further schedules, for `make rotating` and for `make soak`.
ROTATING, SOAK = 1700, 5000
CHUNK = 50
#: Number of schedules within which each bug must be detected.
ENOUGH = 800


def _check(start: int) -> None:
    for seed in range(start, start + CHUNK):
        if failure(Schedule(seed)) is not None:
            pytest.fail(story(*shorten(Schedule(seed))), pytrace=False)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("start", range(0, SEEDS, CHUNK))
def test_every_schedule_ends_well(start: int) -> None:
    _check(start)


@pytest.mark.rotating
@pytest.mark.timeout(300)
@pytest.mark.parametrize("start", range(SEEDS, SEEDS + ROTATING, CHUNK))
def test_more_schedules_end_well(start: int) -> None:
    _check(start)


@pytest.mark.soak
@pytest.mark.parametrize("start", range(SEEDS + ROTATING, SEEDS + ROTATING + SOAK, CHUNK))
def test_thousands_more_end_well(start: int) -> None:
    _check(start)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", BUGS)
def test_a_bug_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BUGS[name](monkeypatch)
    assert first_failure(range(ENOUGH)) is not None


def test_a_seed_tells_everything() -> None:
    once, again = ([event[:3] for event in Schedule(7).run().events] for _ in range(2))
    assert once == again
    assert len(once) > 100


def test_a_failure_is_told_as_a_short_story(monkeypatch: pytest.MonkeyPatch) -> None:
    BUGS["a_theft_overlaps"](monkeypatch)
    long = first_failure(range(ENOUGH))
    assert long is not None
    short, error = shorten(long)
    assert len(short.features) < len(long.features)
    told = story(short, error).splitlines()
    assert told[0].startswith(f"seed {long.seed}, step ")
    assert told[-1].startswith("Violation: task ")
    assert "swap_block" in told[-2]
    assert len(told) < 70
