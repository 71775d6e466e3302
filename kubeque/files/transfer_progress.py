"""Count the progress of an upload or a fetch over many threads, and stop all of these threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kubeque.lazy_dataclass import dataclass

#: Shortest time between two reports, seconds. A report for each file would slow down a transfer of a thousand files per
#: second.
REPORT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Transfer:
    """Progress of a transfer."""

    #: Number of files (in a fetch: tasks) that are done, and their total number.
    items: int
    items_total: int
    #: Number of bytes that were moved, and their total number.
    size: int
    size_total: int


Tell = Callable[[Transfer], None]


class Stopped(Exception):
    """Raised after `Meter.stop` in the threads that move data. The function that starts the threads catches it."""


class Meter:
    """Counts the progress of many threads. It calls one listener at most every REPORT_SECONDS, one call at a time."""

    def __init__(self, items_total: int, size_total: int, tell: Tell | None = None) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._items, self._size = 0, 0
        self._items_total, self._size_total = items_total, size_total
        self._told_at = 0.0

    def moved(self, size: int) -> None:
        """Count bytes that were moved. Raises Stopped after `stop`.

        A negative number means bytes that must be moved again.
        """
        if size >= 0 and self._stopped.is_set():
            raise Stopped
        with self._lock:
            self._size += size
            self._report(now=time.monotonic())

    def expect(self, size: int) -> None:
        """Add bytes to the total. A negative number means that fewer bytes must be moved than expected."""
        with self._lock:
            self._size_total += size

    def done(self, items: int = 1) -> None:
        """Count complete items."""
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
