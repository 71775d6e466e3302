"""The clock of a store's server, read without asking the server each time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kubeque.model.errors import QueueUnavailable

#: Seconds for which one reading is good: this machine's monotonic clock does not drift far in that time.
_GOOD_SECONDS = 60.0


class ServerClock:
    """A server's time, from one reading a minute and this machine's monotonic clock in between.

    So consumers and reapers agree on when a lease ends, however wrong the clocks of their machines are.
    """

    def __init__(self, ask: Callable[[], float], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._lock = threading.Lock()
        #: What to add to the monotonic clock, seconds.
        self._offset: float | None = None
        self._read_at = 0.0

    def now(self) -> float:
        """Unix seconds. Raises QueueUnavailable only while the server was never read."""
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
            answer = None  # an old reading is better than none: heartbeats go on as soon as the server is back
        after = self._monotonic()
        if answer is not None:
            self._offset = answer - (before + after) / 2
        self._read_at = after
