"""A short list of tasks of a job for the live view. The list is read again only after a pause."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from kubeque.client import TaskRow
from kubeque.model.errors import QueueUnavailable, StorageError

#: The pause between two reads is at least _PAUSE_SECONDS, and at least _PAUSE_FACTOR times the duration of the last
#: read. So even slow reads take only a small share of the time.
_PAUSE_FACTOR = 20
_PAUSE_SECONDS = 2.0


class TaskList:
    """The tasks that `read` returned last. `refresh` calls `read` again only after a pause."""

    def __init__(self, read: Callable[[], Sequence[TaskRow]]) -> None:
        self._read = read
        self._key: object = None
        self._due = 0.0
        self.lines: Sequence[TaskRow] = ()

    def refresh(self, count: int, key: object) -> None:
        """Read the tasks again if `key` has changed and the pause since the last read is over.

        `count`: number of tasks that the list would have without a limit. If the number is 0, the list becomes empty
        without a read. If the queue or the store does not answer, the list stays as it is. Then the next call after the
        pause reads again, because the live view continues during an outage.
        """
        began = time.monotonic()
        if not count:
            self.lines, self._key = (), None
        elif key != self._key and began >= self._due:
            with suppress(QueueUnavailable, StorageError):
                self.lines, self._key = self._read(), key
            now = time.monotonic()
            self._due = now + max(_PAUSE_SECONDS, _PAUSE_FACTOR * (now - began))
