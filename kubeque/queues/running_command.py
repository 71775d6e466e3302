"""The command that a consumer runs now. The leases of the consumer note the command in their commits."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

#: Longest usual time between two commands of a consumer, seconds. After a longer time, no command is expected.
_BETWEEN_SECONDS = 2.0


class _Reserving(Protocol):
    """The part of a lease that this module uses."""

    def unended(self) -> Sequence[int]:
        """Return the reserved tasks of the lease whose command has not ended."""


class RunningCommand:
    """The running command of one consumer.

    All leases of the consumer share this object. One thread writes, others read.

    A commit can happen while no command runs. The task that starts next then counts as the running task, because the
    next commit can be a minute later.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: Lease and task of the running command; None between two commands.
        self._now: tuple[_Reserving, int] | None = None
        self._last: _Reserving | None = None
        self._changed_at = clock()

    def begin(self, lease: _Reserving, index: int) -> None:
        """Record that the command of a task begins."""
        self._changed_at = self._clock()
        self._now, self._last = (lease, index), lease

    def end(self) -> None:
        """Record that the command has ended."""
        self._now, self._changed_at = None, self._clock()

    def task_of(self, lease: _Reserving) -> int | None:
        """Return the task of this lease whose command runs; None if there is none."""
        now = self._now
        return now[1] if now is not None and now[0] is lease else None

    @property
    def unchanged_seconds(self) -> float:
        """Seconds since a command began or ended."""
        return self._clock() - self._changed_at

    def may_start(self, lease: _Reserving | None = None) -> bool:
        """True if no command runs, and if no other lease has the task that starts next."""
        last = self._last
        return self._now is None and (last is None or last is lease or not last.unended())

    def describe(
        self, lease: _Reserving, waiting: Sequence[int], now: float, *, reserves: bool
    ) -> tuple[int, float] | None:
        """Return the task of a lease that runs now or starts next, and its start; None if there is none.

        `waiting`: reserved tasks of the lease whose command has not ended. `now`: time on the clock of the queue, Unix
        seconds. `reserves`: True if the commit reserves tasks, so that one of them starts soon.
        """
        running = self._now
        seconds = self.unchanged_seconds
        if running is not None:
            return (running[1], now - seconds) if running[0] is lease else None
        soon = reserves or seconds < _BETWEEN_SECONDS
        return (waiting[0], now) if soon and waiting and self.may_start(lease) else None
