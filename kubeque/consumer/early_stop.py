"""End jobs early from a consumer: at a limit, if their command is hopeless, or if they are orphans."""

from __future__ import annotations

from kubeque.model.job.job import Job
from kubeque.queues.early_stop import end_hopeless, enforce_limits
from kubeque.queues.queue import Queue


class EarlyStop:
    """Ends jobs that have reached a limit."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def is_over(self, job: Job) -> bool:
        """True if the job is open though its deadline has passed or it is an orphan."""
        now = self._queue.now()
        return job.open and (job.is_overdue(now) or job.is_orphan(now))

    def judge(self, job: Job, *, hopeless: bool = False) -> Job:
        """End the job if it has reached a limit, and return its new state.

        `hopeless`: also check its first attempts, O(blocks). Raises QueueUnavailable, JobNotFound.
        """
        if hopeless:
            job = end_hopeless(self._queue, job)
        if job.open and (job.max_failures is not None or self.is_over(job)):
            job = enforce_limits(self._queue, job, self._queue.counts(job))
        return job
