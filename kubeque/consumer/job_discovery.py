"""The jobs of a consumer's fleet, and the jobs that the consumer leaves alone for a while."""

from __future__ import annotations

from collections.abc import Iterable

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.job import Job
from kubeque.queues.queue import Queue
from kubeque.queues.reaper import list_leased

#: First and longest time for which a job is left alone, seconds. The time doubles with each failure.
_FIRST, _LONGEST = 0.5, 30.0
#: Number of failures after which the job has to end, because a temporary error would not occur so often.
_ENOUGH = 4


class JobDiscovery:
    """Keeps the fleet's jobs from the last read, the most urgent job first."""

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
        """Replace one job by its newer state."""
        self._jobs = tuple(job if other.uid == job.uid else other for other in self._jobs)

    def any_pending(self, jobs: Iterable[Job]) -> bool:
        """True if one of these jobs has tasks that a consumer may claim. Raises QueueUnavailable."""
        return any(map(self._queue.may_claim, jobs))

    def holders(self) -> list[tuple[str, Job, int]]:
        """Return the owner, job and size class of each lease of the open jobs. Raises QueueUnavailable."""
        working = [job for job in self._jobs if job.open]
        return [(block.owner, job, block.size_class) for job in working for block in list_leased(self._queue, job)]


@dataclass(slots=True)
class _Trouble:
    failures: int = 0
    #: Time until which the job is left alone, monotonic clock, seconds.
    until: float = 0.0


class JobsAside:
    """The jobs for which a claim failed with an unexpected error, by uid and run.

    Reads no clock; times are arguments.
    """

    def __init__(self) -> None:
        self._troubles: dict[tuple[str, int], _Trouble] = {}

    def has(self, job: Job, now: float) -> bool:
        """True if the consumer should not claim from this job now."""
        trouble = self._troubles.get((job.uid, job.run))
        return trouble is not None and now < trouble.until

    def add(self, job: Job, now: float) -> bool:
        """Set a job aside after one more failure. Return True if the job has failed too often for another try."""
        trouble = self._troubles.setdefault((job.uid, job.run), _Trouble())
        trouble.until = now + min(_LONGEST, _FIRST * 2**trouble.failures)
        trouble.failures += 1
        return trouble.failures >= _ENOUGH

    def remove(self, job: Job) -> None:
        """Forget the failures of a job whose tasks were claimed."""
        self._troubles.pop((job.uid, job.run), None)
