"""The attempts at each place of a job, in its report."""

from __future__ import annotations

from array import array

from kubeque.model.stats.advice import AttemptStats
from kubeque.model.stats.place_rates import format_place_rates

HOME, PODS, LAB = "local:d.0.home:1:1", ["pod:a:1", "pod:b:2"], "work:lab7.0:aa"


def seen(*attempts: tuple[str, float, float]) -> AttemptStats:
    owners = [owner for owner, *_ in attempts]
    starts, ends = array("d", [start for _, start, _ in attempts]), array("d", [end for *_, end in attempts])
    return AttemptStats(starts=starts, ends=ends, owners=owners)


def test_each_place_has_its_attempts_and_its_rate() -> None:
    found = seen((PODS[0], 0, 60), (HOME, 0, 1), (LAB, 0, 30), (PODS[1], 60, 120), (LAB, 30, 60), (PODS[0], 60, 120))
    assert format_place_rates(found) == (
        "2 pods (3 attempts, 1.5 tasks/min) · 1 on home (1 attempt, 1.0 tasks/s)"
        " · 1 work on lab7 (2 attempts, 2.0 tasks/min)"
    )


def test_one_place_is_not_worth_a_line() -> None:
    assert format_place_rates(seen((PODS[0], 0, 60), (PODS[1], 0, 60))) == format_place_rates(seen()) == ""


def test_many_places_are_counted() -> None:
    text = format_place_rates(seen(*((f"work:m{number}.0:aa", 0.0, 1.0) for number in range(23))))
    assert text.endswith(" · 3 more places")
