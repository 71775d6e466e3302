"""The facts about a job or task from which `kubeque explain` makes an explanation, and the explanation itself."""

from __future__ import annotations

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.task import TaskView
from kubeque.model.stats.places import PlaceCount
from kubeque.model.stats.remedies import FailedGroup


@dataclass(frozen=True, slots=True)
class Rival:
    """Another job that the consumers of a job serve before this job."""

    name: str
    #: Number of tasks that are pending or running.
    tasks: int
    priority: int


@dataclass(frozen=True, slots=True)
class WorkFacts:
    """The facts that decide whether consumers of `kubeque work` take tasks of a job, as far as the queue knows them."""

    #: True if such consumers have tasks of the job.
    serves: bool = False
    #: Places of such consumers that have tasks of other jobs.
    elsewhere: tuple[PlaceCount, ...] = ()
    #: Cores, bytes of memory, image and time limit in seconds of a task; None or empty without one.
    cpu: float | None = None
    memory: int | None = None
    image: str = ""
    task_timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about a job, and about one of its tasks, that were read from the queue, the store and the cluster."""

    job: Job
    counts: Counts
    #: Time by the clock of the queue, Unix seconds.
    now: float
    #: Number of consumers of the job's fleet that run.
    consumers: int = 0
    #: True if tasks wait, and no consumer runs for them.
    unserved: bool = False
    #: Message of an error of the store or of the cluster; empty without an error.
    fault: str = ""
    #: Reasons, reported by the cluster, why consumers do not start.
    obstacles: tuple[str, ...] = ()
    #: Job that the consumers serve first; None if they serve the job itself first.
    rival: Rival | None = None
    #: Facts about consumers of `kubeque work`; None if they were not read.
    work: WorkFacts | None = None
    #: The largest groups of similar failures, the largest first. Killed rows do not count.
    failures: tuple[FailedGroup, ...] = ()
    #: Number of failed tasks in further groups.
    further: int = 0
    #: Number of suspects: unfinished tasks that run alone, because they may have caused the death of their consumer.
    suspects: int = 0
    #: The task to explain; None to explain the whole job.
    task: TaskView | None = None
    #: Facts about the failure of `task`; None if the task has not failed.
    task_group: FailedGroup | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The explanation of the state of a job or task, for users."""

    #: The situation as one word for programs, for example "paused" or "budget_spent".
    cause: str
    #: Sentences with the reason, and with what happens next.
    text: str
    #: The command to type next.
    command: str
    #: Lines with the commands to type next, after a failure; empty: only `command`.
    steps: tuple[str, ...] = ()
