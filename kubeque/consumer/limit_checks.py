"""End jobs early in a consumer: jobs that have reached a limit, always fail, or are no longer polled by Airflow."""

from __future__ import annotations

from kubeque.model.job.job import Job
from kubeque.queues.early_stop import end_hopeless, enforce_limits, stop_damaged
from kubeque.queues.queue import Queue


class LimitChecks:
    """Ends jobs early."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def is_over(self, job: Job) -> bool:
        """True if an open job must end, because its deadline has passed or no Airflow task polls it any more."""
        now = self._queue.now()
        return job.open and (job.is_overdue(now) or job.is_orphan(now))

    def set_aside(self, job: Job, reason: str) -> Job:
        """Stop a job with a damaged spec or damaged blocks, and return its new state. `reason`: what is damaged.

        If one of its blocks is leased, do not stop the job. Raises QueueUnavailable, JobNotFound, JobUnreadable.
        """
        return stop_damaged(self._queue, job, reason)

    def judge(self, job: Job, *, hopeless: bool = False) -> Job:
        """End the job if it has reached a limit, and return its new state.

        `hopeless`: True to check also whether the first attempts of the job all failed in the same way; this reads all
        blocks. Raises QueueUnavailable, JobNotFound, JobUnreadable.
        """
        if hopeless:
            job = end_hopeless(self._queue, job)
        if job.open and (job.max_failures is not None or self.is_over(job)):
            job = enforce_limits(self._queue, job, self._queue.counts(job))
        return job
