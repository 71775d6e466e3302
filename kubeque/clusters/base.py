"""The interface of clusters: start consumers, list them, and report how they died."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from kubeque.clusters.machine import Machine
from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.causes import Death
from kubeque.model.job.counts import Tally
from kubeque.model.job.eviction import Eviction
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec


@dataclass(frozen=True, slots=True)
class ConsumerStatus:
    """The state of a consumer as its cluster reports it."""

    #: Owner name in the leases of the consumer.
    owner: str
    #: "running", or a different state that the cluster reports.
    state: str = "running"
    #: Reason why the consumer does not run. A running consumer has an empty text.
    message: str = ""


@dataclass(frozen=True, slots=True)
class Standstill:
    """The reasons why the consumers of a job do not start."""

    #: Messages, the most frequent first; empty if there is no problem.
    messages: tuple[str, ...] = ()
    #: Seconds since the first consumer should have started; 0 if any consumer has started or is about to start.
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class SeenObjects:
    """The objects in a cluster that start the consumers of a job, by name."""

    #: Objects that start consumers now or later.
    unfinished: frozenset[str] = frozenset()
    #: Objects that have ended by themselves.
    finished: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Permission:
    """A permission that is needed to submit or watch jobs."""

    #: The permitted action, for example `create jobs`.
    what: str
    granted: bool
    #: The purpose of the permission in messages, for example `to check permissions`.
    needed_for: str
    #: True if sweeps also run without this permission.
    optional: bool = False
    #: Message if the permission is not granted.
    problem: str = "is not allowed"


class Cluster(Protocol):
    """One cluster. Several processes can call the methods at the same time. The methods raise ClusterError."""

    @property
    def url(self) -> str:
        """URL with which other processes open this cluster."""

    @property
    def runs_images(self) -> bool:
        """True if consumers run in the container image of the job."""

    def capacity(self, *, gpus: bool = False) -> Machine | None:
        """Return the resources that all consumers of this cluster share; None if each consumer has its own.

        `gpus`: True to also detect GPUs. Raises UserError if consumers of this cluster cannot run on this machine.
        """

    @property
    def start_hint(self) -> str:
        """Message about what the user must start before consumers can run; empty if nothing is known to be missing."""

    def prepare(self) -> None:
        """Create the files on this machine that the queue and the cluster need. Raises ConfigError."""

    def check(self, spec: JobSpec) -> tuple[str, ...]:
        """Raise UserError if consumers of this cluster cannot serve a job with this spec. Creates nothing.

        Return the warnings of the cluster.
        """

    def permissions(self) -> list[Permission]:
        """Return the permissions that sweeps need, and check which of them this account has."""

    def why_unkept(self, spec: JobSpec) -> str:
        """Return the reason why a job with this spec gets no keeper; empty if it gets a keeper or requests none."""

    @property
    def consumer_version(self) -> str:
        """Version of kubeque that the consumers of this cluster run; empty if unknown."""

    def fleet(self, job_name: str, urls: Iterable[str] = ()) -> str:
        """Return the name of the fleet that serves a new job. `urls`: URLs of the results and inputs of the job."""

    def default_consumers(self, tasks: int) -> int:
        """Return the default number of consumers for a job of `tasks` tasks."""

    def ensure(self, job: Job, spec: JobSpec, waiting: dict[int, Tally]) -> int:
        """Start missing consumers, and return the number of started consumers. `waiting`: task counts by size class."""

    def has_keeper(self, job: Job) -> bool:
        """True if a keeper observes the job."""

    def consumers(self, fleet: str) -> list[ConsumerStatus]:
        """Return the consumers of a fleet that run or start."""

    def count_running(self) -> int:
        """Return the number of consumers of all jobs of this queue that run or start."""

    def fixes(self) -> str:
        """Return the shell commands that create what this cluster lacks for sweeps; empty if nothing is missing."""

    def find_death(self, owner: str) -> Death | None:
        """Return how a consumer died; None if the consumer is alive or unknown to this cluster."""

    def objects(self, job: Job, *, fresh: bool = False) -> SeenObjects | None:
        """Return the objects that start the consumers of a job; None if the cluster has no such objects.

        `fresh`: True to ask the cluster again, False to accept an answer that is some seconds old.
        """

    def place(self) -> str:
        """Return the identity of the place with the objects, for example a namespace.

        A new place of the same name has another identity.

        Return an empty text if the identity is unknown.
        """

    def evictions(self, job: Job) -> list[Eviction]:
        """Return the consumers of a job that were evicted because their tasks used too much disk."""

    def standstill(self, job: Job) -> Standstill:
        """Return the reasons why the consumers of a job do not start."""

    def finish(self, job: Job, *, removed: bool = False) -> None:
        """Clean up after a job that has ended. Consumers that serve other jobs stay.

        `removed`: True if the job was removed.
        """

    def stop(self) -> int:
        """End all consumers of this cluster, and return their number."""
