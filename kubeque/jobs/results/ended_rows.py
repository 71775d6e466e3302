"""Find the rows of a running job, each as soon as it has ended."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

from kubeque.jobs.backends import Backends
from kubeque.jobs.results.collect import records_of
from kubeque.model.errors import QueueUnavailable, StorageError
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.task import TaskState, TaskView

#: Maximum share of time for the searches for ended rows. So a job with many tasks is searched less often.
_SHARE = 0.1
_ENDED = (TaskState.OK, TaskState.FAILED, TaskState.KILLED)


class EndedRows:
    """Finds the rows of one job that have ended since the last search. Each row is found once."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        #: Index before which all rows were found, and the found rows from this index on.
        self._first = 0
        self._found: set[int] = set()
        #: Number of ended tasks at the last search.
        self._counted = 0
        #: Earliest time of the next search, on the monotonic clock.
        self._next = 0.0

    def find(self, job: Job, counts: Counts, *, last: bool) -> Sequence[dict[str, Any]]:
        """Return the rows that have ended since the last call, in the order of their ends.

        `last`: True to search even if the counts have not changed. If the queue or the store does not answer, a call
        with `last` raises QueueUnavailable or StorageError, and any other call returns no rows.
        """
        began = time.monotonic()
        if not last and (counts.ended == self._counted or began < self._next):
            return ()
        try:
            views = sorted(self._search(job), key=_end)
            rows = records_of(self._backends, job, views)
        except (QueueUnavailable, StorageError):
            if last:
                raise
            return ()
        self._counted = counts.ended
        self._add(views)
        self._next = time.monotonic() + (time.monotonic() - began) / _SHARE
        return rows

    def _search(self, job: Job) -> Iterator[TaskView]:
        for view in self._backends.queue.tasks(job, first=self._first):
            if view.state in _ENDED and view.index not in self._found:
                yield view

    def _add(self, views: Sequence[TaskView]) -> None:
        self._found.update(view.index for view in views)
        while self._first in self._found:
            self._found.remove(self._first)
            self._first += 1


def _end(view: TaskView) -> tuple[float, int]:
    """Return the sort key of a task: the end of its attempt, by the clock of its consumer, and its index.

    A task that never ran is last.
    """
    outcome = view.record.outcome if view.state.has_outcome else None
    return (outcome.start + outcome.seconds + outcome.saving if outcome else math.inf), view.index
