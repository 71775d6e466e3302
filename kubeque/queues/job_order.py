"""The order of the jobs of a queue: higher priority first, then by age."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubeque.model.errors import JobUnreadable
from kubeque.model.job.job import Job
from kubeque.queues.backends.backend import JobRecord
from kubeque.queues.backends.records import read_job


@dataclass(frozen=True, slots=True)
class JobList:
    """The readable and unreadable jobs of a queue."""

    #: Jobs with a higher priority come first. Jobs with equal priority are in order of submission.
    jobs: list[Job]
    #: For each job that cannot be read, an error with its name and the reason.
    unreadable: list[JobUnreadable]


def list_readable(records: Iterable[JobRecord]) -> JobList:
    """Return the jobs of the readable records, and an error that gives the reason for each unreadable record."""
    found: list[Job] = []
    unreadable: list[JobUnreadable] = []
    for record in records:
        try:
            found.append(read_job(record)[0])
        except JobUnreadable as error:
            unreadable.append(error)
    found.sort(key=lambda job: (-job.priority, job.created, job.uid))
    return JobList(found, sorted(unreadable, key=lambda error: error.name))
