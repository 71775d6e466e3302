"""How far an upload or a fetch is, counted over many threads, and how all of them are told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

#: Seconds between two reports: a bar needs no more, and a thousand small files a second would be slowed down.
REPORT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Transfer:
    """How far it is."""

    #: Files or tasks, as the one who reports says.
    items: int
    items_total: int
    #: Bytes.
    size: int
    size_total: int


Tell = Callable[[Transfer], None]


class Stopped(Exception):
    """Somebody is not interested any more. Never leaves the threads that it ends."""


class Meter:
    """Counts for many threads, and tells one listener now and then, one call at a time."""

    def __init__(self, items_total: int, size_total: int, tell: Tell | None = None) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._items, self._size = 0, 0
        self._items_total, self._size_total = items_total, size_total
        self._told_at = 0.0

    def moved(self, size: int) -> None:
        """Count bytes; below zero for those that have to go again. Raises Stopped after `stop`."""
        if size >= 0 and self._stopped.is_set():
            raise Stopped
        with self._lock:
            self._size += size
            self._report(now=time.monotonic())

    def done(self, items: int = 1) -> None:
        """Count items."""
        with self._lock:
            self._items += items
            self._report(now=time.monotonic(), last=self._items == self._items_total)

    def stop(self) -> None:
        """Let all threads that move bytes end at their next piece."""
        self._stopped.set()

    def _report(self, *, now: float, last: bool = False) -> None:
        if self._tell and (last or now - self._told_at > REPORT_SECONDS):
            self._told_at = now
            self._tell(Transfer(self._items, self._items_total, self._size, self._size_total))
