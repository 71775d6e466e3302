"""The events that the threads of a consumer report to `Decisions`, as frozen values."""

from __future__ import annotations

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.lease_durations import RESULTS_WAIT_SECONDS

#: Number that a consumer gives to a lease when it claims the lease's block.
LeaseId = int
#: Uid and revision of a job. Tasks with the same key run the same command.
JobKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class LeaseView:
    """The state of one lease at one moment. Times are seconds of the monotonic clock."""

    id: LeaseId
    job: Job
    size_class: int
    #: False once the block is released or belongs to another consumer.
    held: bool
    #: True once another consumer has the block.
    lost: bool
    #: Number of outcomes that are not recorded yet.
    waiting: int
    #: Time at which the oldest unrecorded outcome was added; None if all outcomes are recorded.
    waiting_since: float | None
    #: Time of the last commit.
    committed_at: float
    #: Number of pending tasks of the block, which can still be reserved.
    pending: int
    #: Number of tasks that are reserved and have not begun.
    untouched: int
    #: True if the outcome of every task that has begun is recorded.
    idle: bool
    #: True if the note in the block has named a wrong task as the running task for COMMIT_SECONDS or longer.
    misnamed: bool = False
    #: Reserved tasks whose rows a user killed.
    killed: frozenset[int] = frozenset()

    @property
    def key(self) -> JobKey:
        return self.job.uid, self.job.revision

    @property
    def done(self) -> bool:
        """True if the lease has nothing left to run or to record."""
        return not self.held and (self.lost or not self.waiting)


# ---------------------------------------------------------------------- events: staging
class Event:
    """Base class of all events."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class SupplierReady(Event):
    """The supplying thread is ready for its next step."""

    leases: tuple[LeaseView, ...]


@dataclass(frozen=True, slots=True)
class NothingTaken(Event):
    """The lease of the last `StageTask` has no task that may begin now."""


@dataclass(frozen=True, slots=True)
class TaskStaged(Event):
    """A task was staged, or its staging failed."""

    #: Number of the attempt that could not be staged; None if the task was staged, or if a further try cannot help.
    faulty_attempt: int | None = None


@dataclass(frozen=True, slots=True)
class HandOverDue(Event):
    """The supplying thread tries to hand over a staged task, which may have to wait for the running task."""


@dataclass(frozen=True, slots=True)
class LeaseClaimed(Event):
    lease: LeaseId


@dataclass(frozen=True, slots=True)
class NothingClaimed(Event):
    """No block was claimed for the job of the last `Claim`."""


@dataclass(frozen=True, slots=True)
class SupplyFailed(Event):
    """The supplying thread failed to list jobs, to claim a block or to stage a task. It tries again."""


# ---------------------------------------------------------------------- events: outages
@dataclass(frozen=True, slots=True)
class QueueSilent(Event):
    """The queue did not answer a request. It may nevertheless have carried out the request."""


@dataclass(frozen=True, slots=True)
class StoreSilent(Event):
    """The store of a job did not answer."""

    uid: str
    #: True if a result waits for the store. No task of this job begins before the result is stored, because the disk
    #: has room for few results.
    unsaved: bool = False
    #: Duration of the outage in seconds, after which the consumer leaves: `results_wait` of the job.
    limit: float = RESULTS_WAIT_SECONDS


@dataclass(frozen=True, slots=True)
class StoreAnswered(Event):
    """The store of a job has accepted a result that waited for it, or the result was given up."""

    uid: str


# ---------------------------------------------------------------------- events: running and saving
@dataclass(frozen=True, slots=True)
class RunnerReady(Event):
    """The main thread runs no command, and is ready for the next task."""

    #: True once the consumer got a signal to leave.
    told_to_leave: bool


@dataclass(frozen=True, slots=True)
class TaskPicked(Event):
    """The main thread has picked a staged task to run."""

    lease: LeaseId
    #: False if the task could not be staged. Then no command runs.
    runs: bool = True
    #: Job and revision of the task; None if unknown.
    key: JobKey | None = None
    #: Index of the task.
    index: int = 0


@dataclass(frozen=True, slots=True)
class LeaseChecked(Event):
    """The state of the picked task's lease, read after `TaskPicked`.

    If the lease is lost later, the command is stopped.
    """

    lease: LeaseId
    held: bool
    told_to_leave: bool
    #: Uid of the task's job.
    uid: str = ""
    #: True if a user killed the row of the task.
    killed: bool = False


@dataclass(frozen=True, slots=True)
class RunEnded(Event):
    """The picked task no longer runs, or was not allowed to run."""

    #: Job and revision of the task; None if its command never ran.
    key: JobKey | None
    #: Time since the task was picked, seconds.
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TaskSaved(Event):
    """The outcome of a task waits in its lease for a commit. If the task has a result, the result is stored."""

    lease: LeaseView
    cause: Cause
    #: Number of first attempts of the job that are enough to decide whether the job ends early.
    early_attempts: int


@dataclass(frozen=True, slots=True)
class TaskLeft(Event):
    """A task has left the consumer, because it was saved or given back."""

    #: True if the task was staged, but the main thread has not picked it to run.
    staged: bool = False


@dataclass(frozen=True, slots=True)
class RunLoopEnded(Event):
    """The main thread runs no further task, because the consumer leaves."""


@dataclass(frozen=True, slots=True)
class AllSaved(Event):
    """The consumer leaves, and no task is left in it. The event is reported again until the answer is `Leave`."""

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
    """The consumer has released a lease, perhaps without an answer of the queue, or has lost it."""

    lease: LeaseId
    #: True if another consumer has the block, or if the lease was given up.
    lost: bool


@dataclass(frozen=True, slots=True)
class RenewalDue(Event):
    """The heartbeat thread checks a lease."""

    lease: LeaseView
    #: True if the job's deadline has passed, or if the job is an orphan.
    over: bool


# ---------------------------------------------------------------------- events: jobs
@dataclass(frozen=True, slots=True)
class JobsListed(Event):
    """The jobs of the fleet were read."""

    #: The jobs, the most urgent one first.
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class LeasesReviewed(Event):
    """The leases of the consumer must be compared with the jobs, which were just listed."""

    #: All leases of the consumer.
    leases: tuple[LeaseView, ...]


@dataclass(frozen=True, slots=True)
class BetterJobsSeen(Event):
    """Answer to all `LookForBetter` of one review."""

    #: Leases of jobs that have to wait, because a more urgent job has tasks to claim.
    leases: tuple[LeaseView, ...]


@dataclass(frozen=True, slots=True)
class JobClosed(Event):
    """A job is not open any more."""

    job: Job
    #: All leases of the consumer, also those of other jobs.
    leases: tuple[LeaseView, ...]


@dataclass(frozen=True, slots=True)
class FleetReviewed(Event):
    """It is time to check again whether this consumer must leave, for example because fewer consumers are wanted."""


@dataclass(frozen=True, slots=True)
class OwnersListed(Event):
    """Answer to `ListOwners`."""

    #: Number of consumers that the jobs want.
    wanted: int
    #: Names of the consumers that hold leases of size classes that this consumer also serves.
    owners: frozenset[str]


@dataclass(frozen=True, slots=True)
class HomeGone(Event):
    """The home folder of this consumer was removed."""
