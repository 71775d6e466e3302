"""A task on its way through a consumer."""

from __future__ import annotations

from dataclasses import dataclass

from kubeque.consumer.attempt.input_cache import StageFailed
from kubeque.consumer.attempt.process import Ended
from kubeque.consumer.attempt.workdir import Workdir
from kubeque.files.layout import attempt_name
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.queues.lease import Lease


@dataclass
class Assignment:
    """One attempt on its way through the consumer."""

    lease: Lease
    job: Job
    spec: JobSpec
    index: int
    attempt: int
    row: dict[str, str]
    argv: list[str]
    #: None where not even a folder could be made.
    workdir: Workdir | None = None
    #: Why it could not be staged.
    refusal: StageFailed | None = None
    ended: Ended | None = None
    #: How long staging took, seconds.
    staging: float = 0.0

    @property
    def folder(self) -> str:
        """Name of the attempt's folder in the store: no other lease can write there."""
        return attempt_name(self.attempt, self.lease.block.nonce)
