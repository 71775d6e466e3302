"""The interface of clusters: start consumers, list them, and report how they died."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from kubeque.clusters.machine import Machine
from kubeque.model.job.eviction import Eviction
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.job.task import Death, Tally


@dataclass(frozen=True, slots=True)
class ConsumerStatus:
    """A consumer as its cluster knows it."""

    #: Owner in the leases that it holds.
    owner: str
    #: "running" or another state of the cluster.
    state: str = "running"
    #: Reason that keeps it from running; empty without one.
    message: str = ""


@dataclass(frozen=True, slots=True)
class Standstill:
    """Reasons that keep the consumers of a job from starting."""

    #: Messages, most frequent first; empty if nothing is wrong.
    messages: tuple[str, ...] = ()
    #: Seconds since the first start was due; 0 if any consumer has started or is about to start.
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Permission:
    """A permission that submitting or watching needs."""

    #: For example `create jobs`.
    what: str
    granted: bool
    #: Its purpose, for messages, for example `to check permissions`.
    needed_for: str
    #: True if sweeps run without it.
    optional: bool = False
    #: Message for a permission that is not granted.
    problem: str = "is not allowed"


class Cluster(Protocol):
    """One cluster. Methods are safe for concurrent processes and raise ClusterError."""

    @property
    def url(self) -> str:
        """URL by which other processes open it."""

    @property
    def runs_images(self) -> bool:
        """True if consumers run in the container image of the job."""

    def capacity(self, *, gpus: bool = False) -> Machine | None:
        """Return the resources that all its consumers share; None if each has its own. `gpus`: look for GPUs, too.

        Raises UserError if consumers of this cluster cannot run on this machine.
        """

    @property
    def start_hint(self) -> str:
        """Text about the programs that the user must start before consumers can run; empty if none is known."""

    def prepare(self) -> None:
        """Create the files on this machine that queue and cluster need. Raises ConfigError."""

    def check(self, spec: JobSpec) -> None:
        """Raise UserError if consumers of this cluster cannot serve such a job. Creates nothing."""

    def permissions(self) -> list[Permission]:
        """Return the permissions that sweeps need, and whether this account has them."""

    def why_unkept(self, spec: JobSpec) -> str:
        """Return the reason why the job has no keeper; empty if it has one or does not want one."""

    @property
    def consumer_version(self) -> str:
        """Version of kubeque that its consumers run; empty if it is not known."""

    def fleet(self, job_name: str, urls: Iterable[str] = ()) -> str:
        """Return the name of the fleet that serves a new job. `urls`: its results and its inputs."""

    def default_consumers(self, tasks: int) -> int:
        """Return the default number of consumers for a job of `tasks` tasks."""

    def ensure(self, job: Job, spec: JobSpec, waiting: dict[int, Tally]) -> int:
        """Start missing consumers for `waiting` (counts by size class). Returns the number started."""

    def has_keeper(self, job: Job) -> bool:
        """True if a keeper observes the job."""

    def consumers(self, fleet: str) -> list[ConsumerStatus]:
        """Return the consumers that run or start."""

    def find_death(self, owner: str) -> Death | None:
        """Return how a consumer died; None if it is alive or unknown to this cluster."""

    def evictions(self, job: Job) -> list[Eviction]:
        """Return the consumers of a job that their nodes evicted because of the disk that their tasks used."""

    def standstill(self, job: Job) -> Standstill:
        """Return the reasons that keep the consumers of a job from starting."""

    def finish(self, job: Job, *, removed: bool = False) -> None:
        """Clean up after a job that has ended or was `removed`. Consumers that serve other jobs stay."""

    def stop(self) -> int:
        """End all consumers of this cluster. Returns their number."""
