"""The facts from which an explanation is made, and the explanation."""

from __future__ import annotations

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.task import TaskView


@dataclass(frozen=True, slots=True)
class Rival:
    """A job that the same consumers serve first."""

    name: str
    #: Number of tasks that are pending or running.
    tasks: int
    priority: int


@dataclass(frozen=True, slots=True)
class Facts:
    """The answers of queue, store and cluster about a job, and about one of its tasks."""

    job: Job
    counts: Counts
    #: Time by the clock of the queue, Unix seconds.
    now: float
    #: Number of running consumers of the job's fleet.
    consumers: int = 0
    #: True if tasks wait, and no consumer runs for them.
    unserved: bool = False
    #: Error of the store or of the cluster; empty without one.
    fault: str = ""
    #: Reasons of the cluster why consumers do not start.
    obstacles: tuple[str, ...] = ()
    rival: Rival | None = None
    #: The first failed task whose row was not killed; None without one.
    failed: TaskView | None = None
    #: Number of waiting tasks that run alone, because a consumer vanished with them.
    suspects: int = 0
    #: The task in question; None for the whole job.
    task: TaskView | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """An answer for users."""

    #: One word for the situation, for programs.
    cause: str
    #: The reason, and what happens next.
    text: str
    #: The command to type next.
    command: str
