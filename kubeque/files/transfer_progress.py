"""Count the progress of an upload or a fetch that runs in many threads, and stop these threads after an error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kubeque.lazy_dataclass import dataclass

#: Shortest time between two reports of the progress, seconds. A report for each file would slow down a transfer of a
#: thousand files per second.
REPORT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Transfer:
    """The progress of an upload or a fetch at one moment."""

    #: Number of files (in a fetch: of tasks) that are complete, and their total number.
    items: int
    items_total: int
    #: Number of bytes that were transferred, and their total number.
    size: int
    size_total: int


Tell = Callable[[Transfer], None]


class Stopped(Exception):
    """Raised in the threads of a transfer after `Meter.stop`. The function that starts the threads catches it."""


class Meter:
    """Counts the progress of many threads together. Reports it to a function, at most once in REPORT_SECONDS.

    Only one thread at a time calls this function.
    """

    def __init__(self, items_total: int, size_total: int, tell: Tell | None = None) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._items, self._size = 0, 0
        self._items_total, self._size_total = items_total, size_total
        self._told_at = 0.0

    def moved(self, size: int) -> None:
        """Count transferred bytes. `size`: number of bytes; negative for bytes that must be transferred again.

        Raises Stopped after `stop`, but not for a negative number.
        """
        if size >= 0 and self._stopped.is_set():
            raise Stopped
        with self._lock:
            self._size += size
            self._report(now=time.monotonic())

    def expect(self, size: int) -> None:
        """Add `size` bytes to the total. A negative number means that fewer bytes must be transferred than expected."""
        with self._lock:
            self._size_total += size

    def done(self, items: int = 1) -> None:
        """Count `items` further complete items."""
        with self._lock:
            self._items += items
            self._report(now=time.monotonic(), last=self._items == self._items_total)

    def stop(self) -> None:
        """Stop the transfer: from now on, `moved` raises Stopped in all threads."""
        self._stopped.set()

    def _report(self, *, now: float, last: bool = False) -> None:
        if self._tell and (last or now - self._told_at > REPORT_SECONDS):
            self._told_at = now
            self._tell(Transfer(self._items, self._items_total, self._size, self._size_total))
