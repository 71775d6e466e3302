"""The instructions that the decision logic gives to the threads of a consumer, as frozen values."""

from __future__ import annotations

from kubeque.consumer.events import LeaseId, LeaseView
from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.job import Job


class Instruction:
    """Base of all instructions."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Commit(Instruction):
    """Record the waiting outcomes and renew the lease.

    Also reserve tasks, or give back the tasks that have not begun.
    """

    lease: LeaseId
    reserve: int = 0
    give_back: bool = False


@dataclass(frozen=True, slots=True)
class LetGo(Instruction):
    """Release a lease."""

    lease: LeaseId


@dataclass(frozen=True, slots=True)
class JudgeJob(Instruction):
    """End the job of a lease if it has reached a limit."""

    lease: LeaseId
    #: True to check the job's first attempts too, because all of its tasks failed here.
    hopeless: bool = False


@dataclass(frozen=True, slots=True)
class Refresh(Instruction):
    """Replace the job of a lease by `job`, a newer state of it."""

    lease: LeaseId
    job: Job


@dataclass(frozen=True, slots=True)
class LookForBetter(Instruction):
    """Check if one of these jobs has pending tasks. `lease` belongs to a less urgent job."""

    lease: LeaseView
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class StopTask(Instruction):
    """Stop the running command."""

    #: True to stop the command without a grace period.
    at_once: bool


@dataclass(frozen=True, slots=True)
class ResetStop(Instruction):
    """Clear the requests to stop, because they applied to the task that has ended."""


@dataclass(frozen=True, slots=True)
class StageTask(Instruction):
    """Take the next reserved task of this lease and prepare its working directory."""

    lease: LeaseId


@dataclass(frozen=True, slots=True)
class HandOver(Instruction):
    """Pass the staged task to the running thread."""

    after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Claim(Instruction):
    """Claim a block of this job."""

    job: Job
    reserve: int


@dataclass(frozen=True, slots=True)
class ListJobs(Instruction):
    """Read the jobs of the fleet."""


@dataclass(frozen=True, slots=True)
class AwaitChange(Instruction):
    """Wait for the next event of the consumer."""


@dataclass(frozen=True, slots=True)
class Pause(Instruction):
    """Wait, because there is no work."""


@dataclass(frozen=True, slots=True)
class AwaitAnswer(Instruction):
    """Wait, because the queue or a store does not answer."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ReturnStaged(Instruction):
    """Give back all tasks that are staged."""


@dataclass(frozen=True, slots=True)
class RunTask(Instruction):
    """Run the picked task."""


@dataclass(frozen=True, slots=True)
class ReturnTask(Instruction):
    """Give this task back."""


@dataclass(frozen=True, slots=True)
class ListOwners(Instruction):
    """Read the owners of leases that this consumer could hold."""

    wanted: int


@dataclass(frozen=True, slots=True)
class CheckHome(Instruction):
    """Check if the home folder of this consumer still exists."""


@dataclass(frozen=True, slots=True)
class Leave(Instruction):
    """Stop this thread."""
