"""Decide which failures are committed immediately, because they may end their job."""

from __future__ import annotations

from collections.abc import Collection

from kubeque.consumer import events as on
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job


class Failures:
    """Counts the failures of each job in this consumer, until one task of the job is ok."""

    def __init__(self) -> None:
        #: Number of failures, by uid and run; None once a task has been ok.
        self._counts: dict[tuple[str, int], int | None] = {}

    def note(self, event: on.TaskSaved) -> bool:
        """Count a saved task. Return True if its failure may end the job, or if a user killed its row."""
        if event.cause is Cause.KILLED:
            return True  # a kill is not a failure, but a user waits for the end of the row
        job, failed = event.lease.job, event.cause is not Cause.OK
        seen = self._counts.get((job.uid, job.run), 0)
        self._counts[job.uid, job.run] = seen + 1 if failed and seen is not None else None
        early = seen is not None and seen < event.early_attempts
        return failed and (job.max_failures is not None or early)

    def all_failed(self, job: Job) -> bool:
        """True if tasks of this job failed here and none was ok."""
        return bool(self._counts.get((job.uid, job.run)))

    def forget(self, keep: Collection[str]) -> None:
        """Forget all jobs except those with these uids."""
        self._counts = {key: count for key, count in self._counts.items() if key[0] in keep}
