"""The progress of a job: its counts, its consumers, and the reasons why its tasks do not start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from kubeque.clusters.base import Cluster
from kubeque.jobs.backends import Backends
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import ClusterError, StorageError
from kubeque.model.html_table import html_table
from kubeque.model.job.causes import Death
from kubeque.model.job.counts import Counts
from kubeque.model.job.eviction import Eviction
from kubeque.model.job.job import WORK_OWNER, Job
from kubeque.model.stats.places import Kind, PlaceCount, count_places
from kubeque.model.wording import code, command
from kubeque.queues.queue import Queue
from kubeque.queues.reaper import list_leased

T = TypeVar("T")
#: Maximum number of other jobs whose counts are read to find the job for which the consumers work first.
_RIVALS = 5


@dataclass(frozen=True, slots=True, repr=False)
class Progress:
    """The state of a job, the counts of its tasks, its consumers, and the reasons why no task starts."""

    job: Job
    counts: Counts
    #: Number of running consumers of the job's fleet.
    consumers: int = 0
    #: Reasons why the tasks of the job do not start, one message each.
    obstacles: tuple[str, ...] = ()
    #: The places of these consumers.
    places: tuple[PlaceCount, ...] = ()

    def __repr__(self) -> str:
        return f"Progress({self.job.name!r}, {self._standing}: {self._numbers})"

    def _repr_html_(self) -> str:
        cells = (self.job.name, self._standing, self._numbers, self.consumers, "; ".join(self.obstacles))
        return html_table(("job", "state", "tasks", "consumers", "why it waits"), [cells])

    @property
    def _standing(self) -> str:
        return self.job.standing(self.counts)

    @property
    def _numbers(self) -> str:
        numbers = [f"{number} {state}" for state, number in self.counts.to_wire().items() if number]
        return f"{', '.join(numbers) or 0} of {self.job.n}"

    @property
    def held(self) -> bool:
        """True if the canaries have ended and the held tasks wait for `kubeque go`."""
        return self.job.waits_for_go(self.counts)


class PatientCluster:
    """A cluster that might not answer.

    The attribute `error` keeps the first ClusterError. Later calls return a default and do not ask the cluster.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.error: ClusterError | None = None

    def ask(self, question: Callable[[], T], otherwise: T) -> T:
        if self.error is not None:
            return otherwise
        try:
            return question()
        except ClusterError as error:
            self.error = error
            return otherwise

    def find_death(self, owner: str) -> Death | None:
        return self.ask(lambda: self.cluster.find_death(owner), None)

    def evictions(self, job: Job) -> list[Eviction]:
        return self.ask(lambda: self.cluster.evictions(job), [])

    def count_consumers(self, job: Job) -> int:
        return self.ask(lambda: len(self.cluster.consumers(job.fleet)), 0)


def find_places(queue: Queue, job: Job, cluster: PatientCluster) -> tuple[PlaceCount, ...]:
    """Return the places with consumers that may run tasks of a job: its own cluster, and machines with `kubeque work`.

    A consumer of `kubeque work` counts while it has a lease of the job.
    """
    own = cluster.count_consumers(job) if job.runs_at_home else 0
    home = (PlaceCount(Kind.POD if cluster.cluster.runs_images else Kind.LOCAL, own),) if own else ()
    if not job.takes_work:
        return home
    owners = (block.owner for block in list_leased(queue, job) if block.owner.startswith(WORK_OWNER))
    return home + count_places(owners)


def count_consumers(places: Iterable[PlaceCount]) -> int:
    """Return the number of consumers at all of these places."""
    return sum(place.consumers for place in places)


def read_progress(backends: Backends, job: Job, *, obstacle: str = "") -> Progress:
    """Read the progress of a job from the queue and the cluster. Nothing is changed or started.

    `obstacle`: reason why the store or the blocks of the job cannot be read; it becomes an obstacle of the progress. If
    it is not empty, no request is sent to the cluster.
    """
    if job.closing is not None:
        return Progress(job, job.closing.counts)
    counts = backends.queue.counts(job)
    if obstacle:
        return Progress(job, counts, 0, (obstacle,))
    try:
        cluster = PatientCluster(backends.cluster_of(job))
    except StorageError as error:
        return Progress(job, counts, 0, (str(error),))
    places = find_places(backends.queue, job, cluster)
    consumers = count_consumers(places)
    obstacles = why_waiting(job, counts, consumers, cluster) or find_rival(backends.queue, job, counts, consumers)
    return Progress(job, counts, consumers, obstacles, places)


def find_rival(queue: Queue, job: Job, counts: Counts, consumers: int) -> tuple[str, ...]:
    """Return a message that names another job for which the consumers of `job` work first; empty if there is none.

    `consumers`: number of running consumers. Only jobs of the same fleet are read. The message names the first job that
    the consumers serve before `job`. If no such job has tasks to run, it names a later job that keeps all consumers
    busy. Return nothing if no consumer runs, or if a task of `job` already runs.
    """
    if (
        not (consumers and job.startable and job.runs_at_home and counts.pending)
        or counts.running
        or not queue.has_cheap_reads
    ):
        return ()
    order = [other for other in queue.jobs(job.fleet) if other.closing is None]
    ahead = next((at for at, other in enumerate(order) if other.uid == job.uid), 0)
    if found := first_served(queue, order[:ahead]):
        other, theirs = found
        way = f"{command('priority', job.name)} {other.priority + 1} lets {job.name} start first"
        return (f"{other.name} runs first ({theirs.pending} pending, {theirs.running} running): {way}",)
    for other in order[ahead + 1 :][:_RIVALS]:
        if (theirs := queue.counts(other)).running:
            return (f"all consumers run tasks of {other.name}; {job.name} starts when one of these tasks ends",)
    return ()


def first_served(queue: Queue, ahead: Sequence[Job]) -> tuple[Job, Counts] | None:
    """Return the first job of `ahead` that has tasks to run, and its counts; None if no such job is found.

    Only the first 5 jobs are examined.
    """
    for other in ahead[:_RIVALS]:
        theirs = queue.counts(other)
        if other.startable and theirs.pending + theirs.running:
            return other, theirs
    return None


def why_waiting(job: Job, counts: Counts, consumers: int, cluster: PatientCluster) -> tuple[str, ...]:
    """Return a message that says why no task of a job starts, and what to do about it; empty without a reason.

    The possible reasons are: the cluster does not answer, the job is paused, or no consumer runs.
    """
    if cluster.error is not None:
        return (str(cluster.error),)
    if job.paused:
        why = f", because {job.pause.reason}" if job.pause is not None and job.pause.reason else ""
        return (f"the job is paused{why}: {code('resume', job.name)} lets its tasks start",)
    waiting = job.startable and counts.pending + counts.running > 0
    if waiting and not consumers and not job.runs_at_home:
        return ("no consumer of kubeque work has tasks of the job: start one with kubeque work on any machine",)
    # Consumers on a different machine are not visible from this machine. The pods of a job are always visible.
    visible = cluster.cluster.runs_images or job.fleet == cluster.cluster.fleet(job.name)
    if waiting and not consumers and visible:
        return (f"no consumer runs: {code('watch', job.name)} starts consumers",)
    return ()
