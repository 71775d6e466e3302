"""Select the steps of a run of CI: those that always run, and optional ones in turn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from ci_steps.step import Step

#: Limit for the sum of the usual times of the planned steps, seconds.
BUDGET_SECONDS = 38 * 60
#: Seconds after the start by which an optional step must usually end; otherwise it does not start.
LAST_END_SECONDS = 70 * 60
#: Seconds after the start at which every step is ended: CI is killed at 90 minutes. A step and the cluster take up to
#: four minutes to end, and the report comes after them.
STOP_SECONDS = 84 * 60


def choose(steps: Sequence[Step], count: int) -> list[Step]:
    """Return the steps of the run on the commit with this number, in the order in which they run."""
    always = [step for step in steps if step.always]
    optional = [step for step in steps if not step.always]
    left = BUDGET_SECONDS - _usual_seconds(always)
    return always + _fill(rotate(optional, count, _stride(tuple(optional), left)), left)


def rotate(optional: Sequence[Step], count: int, stride: int) -> list[Step]:
    """Return the steps in the order of their turn: the run after the next commit begins `stride` steps later.

    The start is taken modulo a prime number. Whatever number of commits lies between two runs, unless it is a
    multiple of that prime, each step is the first one of some run.
    """
    if not optional:
        return []
    start = count * stride % _next_prime(len(optional))
    return [*optional[start:], *optional[:start]]


def may_start(step: Step, elapsed_seconds: float) -> bool:
    """True if the step may start at this time of a run."""
    if step.always:
        return elapsed_seconds < STOP_SECONDS
    return elapsed_seconds + step.usual_seconds <= LAST_END_SECONDS


def limit_seconds(step: Step, elapsed_seconds: float) -> float:
    """Return the seconds that the step may take if it starts at this time of a run."""
    return min(step.limit_seconds, STOP_SECONDS - elapsed_seconds)


def _fill(optional: Sequence[Step], left: int) -> list[Step]:
    """Return the steps that fit into the seconds that are left, the first ones first."""
    chosen = []
    for step in optional:
        if step.usual_seconds <= left:
            chosen.append(step)
            left -= step.usual_seconds
    return chosen


@cache
def _stride(optional: tuple[Step, ...], left: int) -> int:
    """Return the stride with which runs on commits in a row take all steps soonest."""
    fitting = [step for step in optional if step.usual_seconds <= left]
    strides = range(1, max(2, _next_prime(len(fitting))))
    return min(strides, key=lambda stride: _runs_for_all(fitting, left, stride))


def _runs_for_all(optional: Sequence[Step], left: int, stride: int) -> int:
    """Return how many runs in a row take all steps, whichever is the first run."""
    period = _next_prime(len(optional))
    runs = [set(_fill(rotate(optional, count, stride), left)) for count in range(period)]
    for needed in range(1, period):
        if all(len(set().union(*(runs[(first + n) % period] for n in range(needed)))) == len(optional)
               for first in range(period)):  # fmt: skip
            return needed
    return period


def _usual_seconds(steps: Sequence[Step]) -> int:
    return sum(step.usual_seconds for step in steps)


def _next_prime(number: int) -> int:
    """Return the smallest prime that is not below the number."""
    while number < 2 or any(number % factor == 0 for factor in range(2, number)):
        number += 1
    return number
