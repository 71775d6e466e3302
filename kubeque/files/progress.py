"""Progress of an upload or a fetch, counted over many threads, and a signal for all of them to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

#: Least time between two reports, seconds: a report per file would slow down a transfer of a thousand files a second.
REPORT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Transfer:
    """Progress of a transfer."""

    #: Number of files, or of tasks in a fetch: those done, and the total.
    items: int
    items_total: int
    #: Bytes: those moved, and the total.
    size: int
    size_total: int


Tell = Callable[[Transfer], None]


class Stopped(Exception):
    """Raised after `Meter.stop` in threads that move bytes. The function that starts the threads catches it."""


class Meter:
    """Count for many threads, and call one listener at most every REPORT_SECONDS, one call at a time."""

    def __init__(self, items_total: int, size_total: int, tell: Tell | None = None) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._items, self._size = 0, 0
        self._items_total, self._size_total = items_total, size_total
        self._told_at = 0.0

    def moved(self, size: int) -> None:
        """Count bytes that were moved; a negative number for bytes that must be moved again. Raises Stopped after
        `stop`."""
        if size >= 0 and self._stopped.is_set():
            raise Stopped
        with self._lock:
            self._size += size
            self._report(now=time.monotonic())

    def expect(self, size: int) -> None:
        """Add bytes to the total; a negative number if fewer bytes must be moved than expected."""
        with self._lock:
            self._size_total += size

    def done(self, items: int = 1) -> None:
        """Count items that are complete."""
        with self._lock:
            self._items += items
            self._report(now=time.monotonic(), last=self._items == self._items_total)

    def stop(self) -> None:
        """Make `moved` raise Stopped in all threads from now on."""
        self._stopped.set()

    def _report(self, *, now: float, last: bool = False) -> None:
        if self._tell and (last or now - self._told_at > REPORT_SECONDS):
            self._told_at = now
            self._tell(Transfer(self._items, self._items_total, self._size, self._size_total))
