"""Select the steps of a CI run. Some steps always run. Optional steps take turns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from ci_steps.step import Step

#: Maximum sum of the usual times of the planned steps, seconds.
BUDGET_SECONDS = 38 * 60
#: An optional step starts only if it usually ends before this time, in seconds after the start of the run.
LAST_END_SECONDS = 70 * 60
#: Seconds after the start of the run at which every step is ended. CI is killed after 90 minutes. A step and the
#: cluster need up to four minutes to end, and the report follows.
STOP_SECONDS = 84 * 60


def choose(steps: Sequence[Step], count: int) -> list[Step]:
    """Return the steps of a run in their order. `count`: number of the commit of the run."""
    always = [step for step in steps if step.always]
    optional = [step for step in steps if not step.always]
    left = BUDGET_SECONDS - _usual_seconds(always)
    return always + _fill(rotate(optional, count, _stride(tuple(optional), left)), left)


def rotate(optional: Sequence[Step], count: int, stride: int) -> list[Step]:
    """Return the optional steps in the order of their turn. After the next commit, the order begins `stride` later.

    The start is taken modulo a prime number. So each step is at some time the first step, whatever number of commits
    lies between two runs. The only exception is a multiple of the prime number.
    """
    if not optional:
        return []
    start = count * stride % _next_prime(len(optional))
    return [*optional[start:], *optional[:start]]


def may_start(step: Step, elapsed_seconds: float) -> bool:
    """True if the step may start this many seconds after the start of the run."""
    if step.always:
        return elapsed_seconds < STOP_SECONDS
    return elapsed_seconds + step.usual_seconds <= LAST_END_SECONDS


def limit_seconds(step: Step, elapsed_seconds: float) -> float:
    """Return the time limit in seconds for a step that starts now. `elapsed_seconds`: time since the run began."""
    return min(step.limit_seconds, STOP_SECONDS - elapsed_seconds)


def _fill(optional: Sequence[Step], left: int) -> list[Step]:
    """Return the steps that fit into the remaining seconds. Earlier steps take precedence."""
    chosen = []
    for step in optional:
        if step.usual_seconds <= left:
            chosen.append(step)
            left -= step.usual_seconds
    return chosen


@cache
def _stride(optional: tuple[Step, ...], left: int) -> int:
    """Return the stride with which the fewest runs on successive commits cover all steps."""
    fitting = [step for step in optional if step.usual_seconds <= left]
    strides = range(1, max(2, _next_prime(len(fitting))))
    return min(strides, key=lambda stride: _runs_for_all(fitting, left, stride))


def _runs_for_all(optional: Sequence[Step], left: int, stride: int) -> int:
    """Return the number of successive runs that always cover all steps, whichever run is the first."""
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
    """Return the smallest prime that is at least `number`."""
    while number < 2 or any(number % factor == 0 for factor in range(2, number)):
        number += 1
    return number
