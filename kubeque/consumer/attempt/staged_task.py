"""A task on its way through a consumer: first staged, then finished."""

from __future__ import annotations

import logging
from dataclasses import field

from kubeque.consumer.attempt.failure import Failure, describe
from kubeque.consumer.attempt.process import Ended
from kubeque.consumer.attempt.workdir import Workdir
from kubeque.files.layout import attempt_name
from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.inherited_environment import Environment
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.queues.lease import Lease

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StagedTask:
    """One attempt of a task, staged but not run yet."""

    #: Number of the lease in this consumer.
    lease_id: int
    lease: Lease
    job: Job
    index: int
    attempt: int
    #: Spec of the job; None if it could not be read. In this case the command is not run.
    read_spec: JobSpec | None = None
    row: dict[str, str] = field(default_factory=dict)
    argv: list[str] = field(default_factory=list)
    environment: Environment = field(default_factory=Environment)
    #: Working directory; None if it could not be made.
    workdir: Workdir | None = None
    #: Reason why the task could not be staged; None if it was staged.
    failure: Failure | None = None
    #: Duration of staging, seconds.
    staging: float = 0.0

    @property
    def spec(self) -> JobSpec:
        """Spec of the job. Raises AssertionError if the spec could not be read."""
        assert self.read_spec is not None
        return self.read_spec

    @property
    def folder(self) -> str:
        """Name of the attempt's folder in the store. No attempt under another lease has a folder with this name."""
        return attempt_name(self.attempt, self.lease.block.nonce)

    @property
    def runnable(self) -> bool:
        """True if the task was staged, so that its command can be started."""
        return self.failure is None and self.workdir is not None

    def give_back(self) -> None:
        """Mark the task as not begun, so that the lease can give it back. Remove its working directory."""
        self.lease.untake(self.index)
        self.remove_workdir()

    def remove_workdir(self) -> None:
        """Remove the working directory of the task. Log each path that cannot be removed. Raises no error."""
        try:
            problems = self.workdir.remove() if self.workdir else []
        except Exception as error:
            log.exception("%s: its working directory stays", self)
            problems = [describe(error)]
        for problem in problems:
            log.warning("%s: not removed: %s", self, problem)

    def __str__(self) -> str:
        """Return job, index and attempt, for the log."""
        return f"{self.job.name} {self.index}, attempt {self.attempt}"


@dataclass(frozen=True, slots=True)
class FinishedTask:
    """One attempt of a task after its command was run, or after it failed."""

    task: StagedTask
    #: How the command ended; None if this is unknown, or if the command was not run.
    ended: Ended | None
    #: Reason why the attempt has no result; None if the command was run without an unexpected error.
    failure: Failure | None = None
