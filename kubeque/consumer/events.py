"""The events that the threads of a consumer report to its decisions: frozen values."""

from __future__ import annotations

from dataclasses import dataclass

from kubeque.model.job.job import Job
from kubeque.model.job.task import Cause

#: Number that a consumer gives to a lease when it claims it.
LeaseId = int
#: (uid, revision): tasks of one key run the same command.
JobKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class LeaseView:
    """One lease at one moment."""

    id: LeaseId
    job: Job
    size_class: int
    #: False once the block is released or belongs to another consumer.
    held: bool
    #: True once another consumer has the block.
    lost: bool
    #: Outcomes that are not recorded yet.
    waiting: int
    #: End of the oldest of them, seconds of the event clock; None if there is none.
    waiting_since: float | None
    #: Last commit, seconds of the event clock.
    committed_at: float
    #: Tasks that can still be reserved.
    pending: int
    #: Tasks that are reserved and have not begun.
    untouched: int
    #: True if no task of it runs or waits to be recorded.
    idle: bool

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
    """The supplying thread can do its next step."""

    leases: tuple[LeaseView, ...]


@dataclass(frozen=True, slots=True)
class NothingTaken(Event):
    """The lease has no task that may begin now."""


@dataclass(frozen=True, slots=True)
class TaskStaged(Event):
    """A task has its working directory, or could not be staged."""

    #: Number of the attempt that could not be staged; None if it was staged or if no other try can help.
    faulty_attempt: int | None = None


@dataclass(frozen=True, slots=True)
class HandOverDue(Event):
    """A staged task waits for the running one."""


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
    """The queue did not answer. What was requested may have been done."""


@dataclass(frozen=True, slots=True)
class StoreSilent(Event):
    """The store of a job did not answer."""

    uid: str
    #: True if a result waits for the store. No task begins before this result is stored, because the disk holds few
    #: results.
    unsaved: bool = False


@dataclass(frozen=True, slots=True)
class StoreAnswered(Event):
    """The store of a job answers again: a result no longer waits for it."""

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
    #: False if it could not be staged: then no command follows.
    runs: bool = True
    #: Job and revision of the task; None if unknown.
    key: JobKey | None = None


@dataclass(frozen=True, slots=True)
class LeaseChecked(Event):
    """The lease of the picked task, read after `TaskPicked`: a lease that is lost later stops the command."""

    lease: LeaseId
    held: bool
    told_to_leave: bool
    #: Uid of the task's job.
    uid: str = ""


@dataclass(frozen=True, slots=True)
class RunEnded(Event):
    """The picked task does not run any more."""

    #: None if its command never ran.
    key: JobKey | None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TaskSaved(Event):
    """A result is durable and its outcome waits in the lease."""

    lease: LeaseView
    cause: Cause
    #: Number of first attempts that decide whether the job is hopeless.
    early_attempts: int


@dataclass(frozen=True, slots=True)
class TaskLeft(Event):
    """A task has left the consumer: saved, or given back."""

    #: True if it was staged and not picked.
    staged: bool = False


@dataclass(frozen=True, slots=True)
class RunLoopEnded(Event):
    """No further task is run."""


@dataclass(frozen=True, slots=True)
class AllSaved(Event):
    """No task is left in the consumer. The event is repeated until the answer is `Leave`."""

    leases: tuple[LeaseView, ...]
    #: True once the consumer got a signal to leave.
    told_to_leave: bool


# ---------------------------------------------------------------------- events: leases
@dataclass(frozen=True, slots=True)
class Committed(Event):
    """The store has accepted a commit."""

    lease: LeaseView


@dataclass(frozen=True, slots=True)
class LeaseLeft(Event):
    """A lease was released, or refused by the store."""

    lease: LeaseId
    lost: bool


@dataclass(frozen=True, slots=True)
class RenewalDue(Event):
    """The heartbeat checks a lease."""

    lease: LeaseView
    #: True if the job's deadline has passed or it is an orphan.
    over: bool


# ---------------------------------------------------------------------- events: jobs
@dataclass(frozen=True, slots=True)
class JobsListed(Event):
    """The jobs of the fleet, the most urgent first."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class LeasesReviewed(Event):
    """The leases held after the jobs were listed."""

    leases: tuple[LeaseView, ...]


@dataclass(frozen=True, slots=True)
class BetterJobsSeen(Event):
    """Answer to `LookForBetter`: leases whose job has to make way."""

    leases: tuple[LeaseView, ...]


@dataclass(frozen=True, slots=True)
class JobClosed(Event):
    """A job has ended."""

    job: Job
    leases: tuple[LeaseView, ...]


@dataclass(frozen=True, slots=True)
class FleetReviewed(Event):
    """It is time to check if fewer consumers are wanted."""


@dataclass(frozen=True, slots=True)
class OwnersListed(Event):
    """Answer to `ListOwners`: owners of leases that this consumer could hold."""

    wanted: int
    owners: frozenset[str]


@dataclass(frozen=True, slots=True)
class HomeGone(Event):
    """The home folder of this consumer was removed."""
