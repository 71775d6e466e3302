"""A few tasks of a job that the live view lists. They are read again only after a pause."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from kubeque.client import TaskRow
from kubeque.model.errors import QueueUnavailable, StorageError

#: Minimum pause between two reads, because a read can take long. The pause is at least _PAUSE_SECONDS, and at least
#: _PAUSE_FACTOR times the duration of the last read.
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
        """Read the tasks if `key` has changed and the pause since the last read is over.

        `count`: number of such tasks in the job. If the number is 0, nothing is read. If the queue or the store does
        not answer, the last tasks stay, and the next call after the pause reads again: a watcher waits for both.
        """
        began = time.monotonic()
        if not count:
            self.lines, self._key = (), None
        elif key != self._key and began >= self._due:
            with suppress(QueueUnavailable, StorageError):
                self.lines, self._key = self._read(), key
            now = time.monotonic()
            self._due = now + max(_PAUSE_SECONDS, _PAUSE_FACTOR * (now - began))
