"""The jobs of a consumer's fleet."""

from __future__ import annotations

from collections.abc import Iterable

from kubeque.model.job.job import Job
from kubeque.queues.queue import Queue
from kubeque.queues.reaper import leased


class JobDiscovery:
    """Keeps the fleet's jobs as they were read last, the most urgent first."""

    def __init__(self, queue: Queue, fleet: str) -> None:
        self._queue = queue
        self._fleet = fleet
        self._jobs: tuple[Job, ...] = ()

    @property
    def jobs(self) -> tuple[Job, ...]:
        return self._jobs

    def read(self) -> tuple[Job, ...]:
        """Read the jobs. Raises QueueUnavailable."""
        self._jobs = tuple(self._queue.jobs(self._fleet))
        return self._jobs

    def replace(self, job: Job) -> None:
        """Keep a newer state of one job."""
        self._jobs = tuple(job if other.uid == job.uid else other for other in self._jobs)

    def any_pending(self, jobs: Iterable[Job]) -> bool:
        """True if one of these jobs has pending tasks. Raises QueueUnavailable."""
        return any(self._queue.counts(job).pending for job in jobs)

    def holders(self) -> list[tuple[str, Job, int]]:
        """Return owner, job and size class of all leases of open jobs. Raises QueueUnavailable."""
        working = [job for job in self._jobs if job.open]
        return [(block.owner, job, block.size_class) for job in working for block in leased(self._queue, job)]
