"""The jobs of a consumer's fleet, and the jobs from which the consumer claims nothing for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.job import Job
from kubeque.queues.queue import Queue
from kubeque.queues.reaper import list_leased

#: First and longest time for which a consumer claims nothing from a job after a failed claim, seconds. The time doubles
#: with each failure.
_FIRST, _LONGEST = 0.5, 30.0
#: Number of failed claims after which a job must be stopped, because a temporary error would not occur so often.
_ENOUGH = 4


class JobDiscovery:
    """Reads the jobs of a fleet, and keeps the jobs of the last read, the most urgent job first."""

    def __init__(
        self, queue: Queue, fleet: str | None, select: Callable[[Iterable[Job]], Iterable[Job]] = tuple
    ) -> None:
        """`fleet`: None for the jobs of all fleets. `select`: function that selects the jobs to keep."""
        self._queue = queue
        self._fleet = fleet
        self._select = select
        self._jobs: tuple[Job, ...] = ()

    @property
    def jobs(self) -> tuple[Job, ...]:
        return self._jobs

    def read(self) -> tuple[Job, ...]:
        """Read the jobs of the fleet, keep them and return them. Raises QueueUnavailable."""
        self._jobs = tuple(self._select(self._queue.jobs(self._fleet)))
        return self._jobs

    def replace(self, job: Job) -> None:
        """Replace one of the kept jobs by its newer state."""
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
    #: Time until which the consumer claims nothing from the job, seconds of the monotonic clock.
    until: float = 0.0


class JobsAside:
    """The jobs for which a claim failed with an unexpected error. The consumer claims nothing from them for a while.

    Times are arguments, in seconds of the monotonic clock.
    """

    def __init__(self) -> None:
        self._troubles: dict[tuple[str, int], _Trouble] = {}

    def has(self, job: Job, now: float) -> bool:
        """True if the consumer must not claim a block of this job now."""
        trouble = self._troubles.get((job.uid, job.run))
        return trouble is not None and now < trouble.until

    def add(self, job: Job, now: float) -> bool:
        """Record a failed claim, and set the job aside. Return True if the claims of the job have failed too often."""
        trouble = self._troubles.setdefault((job.uid, job.run), _Trouble())
        trouble.until = now + min(_LONGEST, _FIRST * 2**trouble.failures)
        trouble.failures += 1
        return trouble.failures >= _ENOUGH

    def remove(self, job: Job) -> None:
        """Forget the failed claims of a job, because a claim has succeeded."""
        self._troubles.pop((job.uid, job.run), None)
