"""The rate at which the tasks of a job end, and the remaining time, as numbers and as text."""

from __future__ import annotations

from collections import deque

from kubeque.model.job.counts import Counts
from kubeque.model.quantities import format_seconds

#: Period in seconds over which the rate is measured.
WINDOW_SECONDS = 60.0


class Pace:
    """A measurement of the rate at which the tasks of a job end. It reads no clock: `add` gets the time."""

    def __init__(self, window: float = WINDOW_SECONDS) -> None:
        """`window`: period in seconds over which the rate is measured."""
        self._window = window
        self._counts: deque[tuple[float, int]] = deque()

    def add(self, now: float, ended: int) -> None:
        """Record that `ended` tasks have ended at the time `now`, seconds on any clock."""
        if self._counts and ended < self._counts[-1][1]:
            self._counts.clear()  # the job was reset
        self._counts.append((now, ended))
        while self._counts[0][0] < now - self._window:
            self._counts.popleft()

    @property
    def rate(self) -> float | None:
        """The number of tasks that end per second; None if no task has ended in the measured period."""
        (first, before), (last, ended) = self._counts[0], self._counts[-1]
        return (ended - before) / (last - first) if ended > before and last > first else None

    def seconds_for(self, tasks: int) -> float | None:
        """Return the seconds until `tasks` more tasks have ended at this rate; None if the rate is unknown."""
        return tasks / self.rate if self.rate else None


def format_pace(counts: Counts, pace: Pace) -> list[str]:
    """Return the rate, and the remaining time of the job, as short texts; an empty list while the rate is unknown."""
    left = pace.seconds_for(counts.pending + counts.running)
    if not pace.rate:
        return []
    return [format_rate(pace.rate), *([f"about {format_seconds(left)} left"] if left else [])]


def format_rate(rate: float) -> str:
    """Return a rate as a short text. `rate`: tasks per second."""
    return f"{rate:.1f} tasks/s" if rate >= 1 else f"{60 * rate:.1f} tasks/min"
