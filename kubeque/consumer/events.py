"""The events that the threads of a consumer report to its decision logic, as frozen values."""

from __future__ import annotations

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job

#: Number that a consumer gives to a lease when it claims the block.
LeaseId = int
#: (uid, revision) of a job. Tasks with the same key run the same command.
JobKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class LeaseView:
    """The state of one lease at one moment."""

    id: LeaseId
    job: Job
    size_class: int
    #: False once the block is released or belongs to another consumer.
    held: bool
    #: True once another consumer has the block.
    lost: bool
    #: Number of outcomes that are not recorded yet.
    waiting: int
    #: Time of the oldest outcome that is not recorded, seconds of the event clock; None if there is none.
    waiting_since: float | None
    #: Time of the last commit, seconds of the event clock.
    committed_at: float
    #: Number of tasks that can still be reserved.
    pending: int
    #: Number of tasks that are reserved and have not begun.
    untouched: int
    #: True if every task that has begun is recorded.
    idle: bool
    #: True if the block's entry for the running task has been wrong for longer than the usual time between two commits.
    misnamed: bool = False
    #: Reserved tasks whose rows a user killed.
    killed: frozenset[int] = frozenset()

    @property
    def key(self) -> JobKey:
        return self.job.uid, self.job.revision

    @property
    def done(self) -> bool:
        """True if nothing is left to run or to record."""
        return not self.held and (self.lost or not self.waiting)


# ---------------------------------------------------------------------- events: staging
class Event:
    """Base of all events."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class SupplierReady(Event):
    """The supplying thread is ready for its next step."""

    leases: tuple[LeaseView, ...]


@dataclass(frozen=True, slots=True)
class NothingTaken(Event):
    """The lease has no task that may begin now."""


@dataclass(frozen=True, slots=True)
class TaskStaged(Event):
    """A task has its working directory, or could not be staged."""

    #: Number of the attempt that could not be staged; None if the task was staged, or if a further try cannot help.
    faulty_attempt: int | None = None


@dataclass(frozen=True, slots=True)
class HandOverDue(Event):
    """A staged task waits for the end of the running task."""


@dataclass(frozen=True, slots=True)
class LeaseClaimed(Event):
    lease: LeaseId


@dataclass(frozen=True, slots=True)
class NothingClaimed(Event):
    """The job of the last `Claim` has nothing to lease."""


@dataclass(frozen=True, slots=True)
class SupplyFailed(Event):
    """The supplying thread could not read what a task needs."""


# ---------------------------------------------------------------------- events: outages
@dataclass(frozen=True, slots=True)
class QueueSilent(Event):
    """The queue did not answer. The queue might have carried out the request."""


@dataclass(frozen=True, slots=True)
class StoreSilent(Event):
    """The store of a job did not answer."""

    uid: str
    #: True if a result waits for the store. No task begins before this result is stored, because the disk holds few
    #: results.
    unsaved: bool = False


@dataclass(frozen=True, slots=True)
class StoreAnswered(Event):
    """The store of a job answers again, and all results that waited for it are stored."""

    uid: str


# ---------------------------------------------------------------------- events: running and saving
@dataclass(frozen=True, slots=True)
class RunnerReady(Event):
    """No command runs."""

    #: True once the consumer got a signal to leave.
    told_to_leave: bool


@dataclass(frozen=True, slots=True)
class TaskPicked(Event):
    """A staged task is about to run."""

    lease: LeaseId
    #: False if the task could not be staged. No command follows then.
    runs: bool = True
    #: Job and revision of the task; None if unknown.
    key: JobKey | None = None
    #: Index of the task.
    index: int = 0


@dataclass(frozen=True, slots=True)
class LeaseChecked(Event):
    """The lease of the picked task was read after `TaskPicked`. If the lease is lost later, the command is stopped."""

    lease: LeaseId
    held: bool
    told_to_leave: bool
    #: Uid of the task's job.
    uid: str = ""
    #: True if a user killed the row of the task.
    killed: bool = False


@dataclass(frozen=True, slots=True)
class RunEnded(Event):
    """The picked task no longer runs."""

    #: Job and revision of the task; None if its command never ran.
    key: JobKey | None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TaskSaved(Event):
    """The outcome of a task waits in the lease for a commit. Its result, if there is one, is stored."""

    lease: LeaseView
    cause: Cause
    #: Number of the job's first attempts that decide whether the job is hopeless.
    early_attempts: int


@dataclass(frozen=True, slots=True)
class TaskLeft(Event):
    """A task has left the consumer, because it was saved or given back."""

    #: True if the task was staged, but the runner has not picked it to run.
    staged: bool = False


@dataclass(frozen=True, slots=True)
class RunLoopEnded(Event):
    """The consumer runs no further task."""


@dataclass(frozen=True, slots=True)
class AllSaved(Event):
    """No task is left in the consumer. The event is repeated until the answer is `Leave`."""

    leases: tuple[LeaseView, ...]
    #: True once the consumer got a signal to leave.
    told_to_leave: bool


# ---------------------------------------------------------------------- events: leases
@dataclass(frozen=True, slots=True)
class Committed(Event):
    """The queue has accepted a commit."""

    lease: LeaseView


@dataclass(frozen=True, slots=True)
class LeaseLeft(Event):
    """A lease was released, or the queue refused a commit to it."""

    lease: LeaseId
    lost: bool


@dataclass(frozen=True, slots=True)
class RenewalDue(Event):
    """The heartbeat checks a lease."""

    lease: LeaseView
    #: True if the job's deadline has passed, or if the job is an orphan.
    over: bool


# ---------------------------------------------------------------------- events: jobs
@dataclass(frozen=True, slots=True)
class JobsListed(Event):
    """The jobs of the fleet were read. `jobs` begins with the most urgent job."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class LeasesReviewed(Event):
    """The jobs were listed. `leases` are the leases that the consumer still has."""

    leases: tuple[LeaseView, ...]


@dataclass(frozen=True, slots=True)
class BetterJobsSeen(Event):
    """Answer to `LookForBetter`. `leases` are the leases of jobs whose tasks have to wait for more urgent jobs."""

    leases: tuple[LeaseView, ...]


@dataclass(frozen=True, slots=True)
class JobClosed(Event):
    """A job has ended."""

    job: Job
    leases: tuple[LeaseView, ...]


@dataclass(frozen=True, slots=True)
class FleetReviewed(Event):
    """A check is due whether fewer consumers are wanted."""


@dataclass(frozen=True, slots=True)
class OwnersListed(Event):
    """Answer to `ListOwners`. `owners`: consumers that hold leases of jobs that this consumer also serves."""

    wanted: int
    owners: frozenset[str]


@dataclass(frozen=True, slots=True)
class HomeGone(Event):
    """The home folder of this consumer was removed."""
