"""The clock of a database server. It is read once a minute, not for each call."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kubeque.model.errors import QueueUnavailable

#: Seconds for which one reading of the server's clock is used. During this time, this machine's clock drifts little.
_GOOD_SECONDS = 60.0


class ServerClock:
    """The time of a server: its last reading, plus the time since this reading on this machine's monotonic clock.

    All processes use the time of the server. So they agree on the end of a lease, even if the clocks of their machines
    are wrong. A reading is used for _GOOD_SECONDS.
    """

    def __init__(self, ask: Callable[[], float], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._lock = threading.Lock()
        #: Time of the server minus the time of the monotonic clock, seconds; None: the server has never answered.
        self._offset: float | None = None
        self._read_at = 0.0

    def now(self) -> float:
        """Return the time of the server, Unix seconds. Raises QueueUnavailable if the server has never answered."""
        with self._lock:
            if self._offset is None or self._monotonic() - self._read_at > _GOOD_SECONDS:
                self._read()
            return self._monotonic() + (self._offset or 0.0)

    def _read(self) -> None:
        before = self._monotonic()
        try:
            answer = self._ask()
        except QueueUnavailable:
            if self._offset is None:
                raise
            answer = None  # keep the old reading, so that heartbeats continue as soon as the server answers again
        after = self._monotonic()
        if answer is not None:
            self._offset = answer - (before + after) / 2
        self._read_at = after
