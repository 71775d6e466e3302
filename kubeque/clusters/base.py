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
    #: Reason why the consumer does not run; empty for a running consumer.
    message: str = ""


@dataclass(frozen=True, slots=True)
class Standstill:
    """The reasons why the consumers of a job do not start."""

    #: Messages, the most frequent first; empty if there is no problem.
    messages: tuple[str, ...] = ()
    #: Seconds for which no consumer could start; 0 if any consumer has started or will start soon.
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
    #: The purpose of the permission, as a part of a message: for example `to check permissions`.
    needed_for: str
    #: True if sweeps also run without this permission.
    optional: bool = False
    #: Message if the permission is not granted.
    problem: str = "is not allowed"


class Cluster(Protocol):
    """One cluster. Several processes can call the methods at the same time. All methods can raise ClusterError."""

    @property
    def url(self) -> str:
        """URL with which other processes can open this cluster."""

    @property
    def runs_images(self) -> bool:
        """True if consumers run in the container image of the job."""

    def capacity(self, *, gpus: bool = False) -> Machine | None:
        """Return the resources that all consumers of this cluster share; None if each consumer has separate ones.

        `gpus`: True to also detect GPUs. Raises UserError if consumers of this cluster cannot run on this machine.
        """

    @property
    def start_hint(self) -> str:
        """Message about whether the user must start anything before consumers can run; may be empty."""

    def prepare(self) -> None:
        """Create the files on this machine that the queue and the cluster need. Raises ConfigError."""

    def check(self, spec: JobSpec) -> tuple[str, ...]:
        """Return the warnings of the cluster about a job with this spec. Nothing is created.

        Raises UserError if consumers of this cluster cannot serve such a job.
        """

    def permissions(self) -> list[Permission]:
        """Check the permissions that sweeps need, and return each of them with the result of the check."""

    def why_unkept(self, spec: JobSpec) -> str:
        """Return the reason why a job gets no keeper although `spec` requests a keeper; otherwise an empty text."""

    @property
    def consumer_version(self) -> str:
        """Version of kubeque that the consumers of this cluster run; empty if unknown."""

    def fleet(self, job_name: str, urls: Iterable[str] = ()) -> str:
        """Return the name of the fleet that serves a new job. `urls`: URLs of the results and inputs of the job."""

    def default_consumers(self, tasks: int) -> int:
        """Return the default number of consumers for a job of `tasks` tasks."""

    def ensure(self, job: Job, spec: JobSpec, waiting: dict[int, Tally]) -> int:
        """Start the missing consumers of a job, and return their number. `waiting`: counts of tasks by size class."""

    def has_keeper(self, job: Job) -> bool:
        """True if a keeper of the job runs or starts."""

    def consumers(self, fleet: str) -> list[ConsumerStatus]:
        """Return the consumers of a fleet that run or start."""

    def count_running(self) -> int:
        """Return the number of consumers that run or start, for all jobs of this queue together."""

    def fixes(self) -> str:
        """Return the shell commands that grant missing permissions on this cluster; empty if nothing is missing."""

    def find_death(self, owner: str) -> Death | None:
        """Return how a consumer died; None if the consumer is alive or unknown to this cluster."""

    def objects(self, job: Job, *, fresh: bool = False) -> SeenObjects | None:
        """Return the objects that start the consumers of a job; None if this kind of cluster uses no objects.

        `fresh`: True to send a new request to the cluster, False to accept an answer that is some seconds old.
        """

    def place(self) -> str:
        """Return the identity of the namespace that contains the cluster's objects; empty if the identity is unknown.

        If a namespace is deleted and created again, its identity changes.
        """

    def evictions(self, job: Job) -> list[Eviction]:
        """Return the evictions of the job's consumers that exceeded their disk limit. Other evictions are left out."""

    def standstill(self, job: Job) -> Standstill:
        """Return the reasons why the consumers of a job do not start."""

    def finish(self, job: Job, *, removed: bool = False) -> None:
        """Stop the consumers of a job that has ended, and delete their objects. Consumers of other jobs continue.

        `removed`: True if the job was removed.
        """

    def stop(self) -> int:
        """End all consumers of this cluster, and return their number."""
