"""A task on its way through a consumer: staged, then finished."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from kubeque.consumer.attempt.input_cache import StageFailed
from kubeque.consumer.attempt.process import Ended
from kubeque.consumer.attempt.workdir import Workdir
from kubeque.files.layout import attempt_name
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.queues.lease import Lease

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StagedTask:
    """One attempt before its command runs."""

    #: Number of the lease in this consumer.
    lease_id: int
    lease: Lease
    job: Job
    spec: JobSpec
    index: int
    attempt: int
    row: dict[str, str]
    argv: list[str]
    #: None if no working directory could be made.
    workdir: Workdir | None = None
    #: Why it could not be staged; None if it was.
    refusal: StageFailed | None = None
    #: Duration of staging, seconds.
    staging: float = 0.0

    @property
    def folder(self) -> str:
        """Name of the attempt's folder in the store: no other lease can write there."""
        return attempt_name(self.attempt, self.lease.block.nonce)

    @property
    def runnable(self) -> bool:
        """True if its command can be started."""
        return self.refusal is None and self.workdir is not None

    def give_back(self) -> None:
        """Mark it as not begun, so that the lease can give it back, and remove its working directory."""
        self.lease.untake(self.index)
        self.remove_workdir()

    def remove_workdir(self) -> None:
        """Remove its working directory; what cannot be removed is logged."""
        for problem in self.workdir.remove() if self.workdir else ():
            log.warning("%s %d: not removed: %s", self.job.name, self.index, problem)


@dataclass(frozen=True, slots=True)
class FinishedTask:
    """One attempt after its command."""

    task: StagedTask
    #: How the command ended; None if it was not run.
    ended: Ended | None
