"""The instructions of `Decisions` to the threads of a consumer, as frozen values."""

from __future__ import annotations

from kubeque.consumer.events import LeaseId, LeaseView
from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.job import Job


class Instruction:
    """Base class of all instructions."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Commit(Instruction):
    """Commit the changes of a lease: record its waiting outcomes, and extend the lease."""

    lease: LeaseId
    #: Number of further tasks to reserve.
    reserve: int = 0
    #: True to give back the reserved tasks that have not begun.
    give_back: bool = False


@dataclass(frozen=True, slots=True)
class LetGo(Instruction):
    """Release a lease."""

    lease: LeaseId


@dataclass(frozen=True, slots=True)
class JudgeJob(Instruction):
    """End the job of a lease if the job has reached a limit."""

    lease: LeaseId
    #: True to check also whether the first attempts of the job all failed in the same way.
    hopeless: bool = False


@dataclass(frozen=True, slots=True)
class Refresh(Instruction):
    """Replace the job in a lease by the newer state of this job."""

    lease: LeaseId
    #: Newer state of the job.
    job: Job


@dataclass(frozen=True, slots=True)
class LookForBetter(Instruction):
    """Check whether any more urgent job has tasks to claim."""

    #: Lease of a less urgent job.
    lease: LeaseView
    #: The more urgent jobs.
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class StopTask(Instruction):
    """Stop the running command."""

    #: True to stop the command without a grace period.
    at_once: bool


@dataclass(frozen=True, slots=True)
class ResetStop(Instruction):
    """Clear the requests to stop the ended command. Otherwise these requests would stop the next command."""


@dataclass(frozen=True, slots=True)
class StageTask(Instruction):
    """Take the next reserved task of a lease and stage it."""

    lease: LeaseId


@dataclass(frozen=True, slots=True)
class HandOver(Instruction):
    """Pass the staged task to the main thread, which runs it."""

    #: Seconds to wait before.
    after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Claim(Instruction):
    """Claim a block of a job."""

    job: Job
    #: Number of tasks to reserve.
    reserve: int


@dataclass(frozen=True, slots=True)
class ListJobs(Instruction):
    """Read the jobs of the fleet."""


@dataclass(frozen=True, slots=True)
class AwaitChange(Instruction):
    """Wait until another thread of the consumer reports an event, for a short time at most."""


@dataclass(frozen=True, slots=True)
class Pause(Instruction):
    """Wait before the next search for work, because no task can be staged now."""


@dataclass(frozen=True, slots=True)
class AwaitAnswer(Instruction):
    """Wait, because the queue or a store does not answer."""

    #: Longest time to wait, seconds. The wait is shorter by a random part.
    seconds: float


@dataclass(frozen=True, slots=True)
class ReturnStaged(Instruction):
    """Give back the staged tasks that the main thread has not picked to run."""


@dataclass(frozen=True, slots=True)
class RunTask(Instruction):
    """Run the picked task."""


@dataclass(frozen=True, slots=True)
class ReturnTask(Instruction):
    """Do not run the picked or staged task, but give it back."""


@dataclass(frozen=True, slots=True)
class ListOwners(Instruction):
    """Read the names of the consumers that hold leases of size classes that this consumer also serves."""

    #: Number of consumers that the jobs want.
    wanted: int


@dataclass(frozen=True, slots=True)
class CheckHome(Instruction):
    """Check whether the home folder of this consumer still exists."""


@dataclass(frozen=True, slots=True)
class Leave(Instruction):
    """End the work of the thread that gets this instruction."""
