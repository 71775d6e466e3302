"""What a place where consumers run must do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.job.task import Death, Tally


@dataclass(frozen=True, slots=True)
class ConsumerStatus:
    """A consumer, as its cluster sees it."""

    #: What it writes into the leases it holds.
    owner: str
    #: "running" or a word of the cluster's own.
    state: str = "running"
    #: What holds it up, for people; empty while all is well.
    message: str = ""


@dataclass(frozen=True, slots=True)
class Standstill:
    """What keeps consumers from starting."""

    #: In words, the commonest first; empty where all is well.
    messages: tuple[str, ...] = ()
    #: Since how many seconds none could start; 0 where one ever has, or where something is on its way.
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Permission:
    """One thing that whoever submits and watches must be allowed to do."""

    #: As in `create jobs`.
    what: str
    granted: bool
    #: What does not work without it.
    needed_for: str
    #: Is it a matter of comfort only?
    optional: bool = False
    #: What is wrong where it is not granted.
    problem: str = "is not allowed"


class Cluster(Protocol):
    """One cluster. All methods may be called by many processes at once, and raise ClusterError."""

    @property
    def url(self) -> str:
        """By which anybody else finds it."""

    def check(self, spec: JobSpec) -> None:
        """Raises UserError where consumers of this cluster could not serve such a job; nothing is made."""

    def permissions(self) -> list[Permission]:
        """What this account may do there, of what it takes."""

    def why_unkept(self, spec: JobSpec) -> str:
        """Why nobody repairs and closes a job once its submitter has left; empty: somebody does, or it is wanted so."""

    def fleet(self, job_name: str) -> str:
        """The fleet that serves a new job."""

    def default_consumers(self, tasks: int) -> int:
        """How many consumers a job of so many tasks gets if nobody says."""

    def submit_environment(self) -> dict[str, str]:
        """What of the submitter's environment the tasks shall see."""

    def ensure(self, job: Job, spec: JobSpec, waiting: dict[int, Tally]) -> int:
        """Start what is missing to serve `waiting` (counts by class). Returns how many were started. ClusterError."""

    def consumers(self, fleet: str) -> list[ConsumerStatus]:
        """The consumers that run or start."""

    def find_death(self, owner: str) -> Death | None:
        """What is known of a consumer's death; None: it lives, or this cluster cannot tell."""

    def standstill(self, job: Job) -> Standstill:
        """What keeps the consumers of a job from starting."""

    def finish(self, job: Job) -> None:
        """A job has ended: what serves nobody else may go."""

    def stop(self) -> int:
        """End all consumers of this cluster; how many."""
