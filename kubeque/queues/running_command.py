"""The command that a consumer runs now. When the consumer commits a lease, it notes the command in the leased block."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

#: Longest usual time between two commands of a consumer, seconds. After a longer time, no command is expected to start.
_BETWEEN_SECONDS = 2.0


class _Reserving(Protocol):
    """The part of a lease that this module uses."""

    def unended(self) -> Sequence[int]:
        """Return the reserved tasks of the lease whose command has not ended."""


class RunningCommand:
    """The running command of one consumer.

    All leases of the consumer share this object. One thread changes it, and other threads read it.

    If no command runs at the time of a commit, the commit notes the task that starts next as the running task. The next
    commit can be a minute later.
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
        """Return the index of the task whose command runs, if it is a task of this lease; otherwise None."""
        now = self._now
        return now[1] if now is not None and now[0] is lease else None

    @property
    def unchanged_seconds(self) -> float:
        """Seconds since a command began or ended."""
        return self._clock() - self._changed_at

    def may_start(self, lease: _Reserving | None = None) -> bool:
        """True if no command runs, and the next command can be a task of `lease` (None: of a new lease).

        The tasks of the lease that had the last command come first, until all of their commands have ended.
        """
        last = self._last
        return self._now is None and (last is None or last is lease or not last.unended())

    def describe(
        self, lease: _Reserving, waiting: Sequence[int], now: float, *, reserves: bool
    ) -> tuple[int, float] | None:
        """Return index and start of the task that runs now or starts next in a lease; None if the lease has no task.

        The start is a time on the clock of the queue, Unix seconds, as is the present time `now`. `waiting`: reserved
        tasks of the lease whose command has not ended. `reserves`: True if the commit reserves tasks. One of them then
        starts soon.
        """
        running = self._now
        seconds = self.unchanged_seconds
        if running is not None:
            return (running[1], now - seconds) if running[0] is lease else None
        soon = reserves or seconds < _BETWEEN_SECONDS
        return (waiting[0], now) if soon and waiting and self.may_start(lease) else None
