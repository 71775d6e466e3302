"""Decide which failures are committed immediately, because a failure may end its job."""

from __future__ import annotations

from collections.abc import Collection

from kubeque.consumer import events as on
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job


class Failures:
    """Counts the failed tasks of each job in this consumer, until one task of the job is ok."""

    def __init__(self) -> None:
        #: Number of failed tasks, by uid and run of the job; None once a task of the job was ok.
        self._counts: dict[tuple[str, int], int | None] = {}

    def note(self, event: on.TaskSaved) -> bool:
        """Count a saved task. Return True if its outcome must be committed immediately.

        Reasons: the task has failed and its failure may end the job, or a user killed its row.
        """
        if event.cause is Cause.KILLED:
            return True  # a kill is not a failure, but the user waits for the end of the row
        job, failed = event.lease.job, event.cause is not Cause.OK
        seen = self._counts.get((job.uid, job.run), 0)
        self._counts[job.uid, job.run] = seen + 1 if failed and seen is not None else None
        early = seen is not None and seen < event.early_attempts
        return failed and (job.max_failures is not None or early)

    def all_failed(self, job: Job) -> bool:
        """True if tasks of this job have failed in this consumer, and none of its tasks was ok here."""
        return bool(self._counts.get((job.uid, job.run)))

    def forget(self, keep: Collection[str]) -> None:
        """Forget the jobs whose uids are not in `keep`."""
        self._counts = {key: count for key, count in self._counts.items() if key[0] in keep}
