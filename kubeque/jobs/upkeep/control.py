"""Orders to a job that is in the queue: kill, prioritise, scale."""

from __future__ import annotations

from dataclasses import replace

from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.reconcile import finish
from kubeque.model.job.job import Job
from kubeque.model.sweep.sweep import check_consumers


def kill(backends: Backends, name: str) -> None:
    """Stop a job. Pending and running tasks become killed; tasks that are ok stay ok. Raises JobNotFound."""
    finish(backends, backends.queue.kill(name))


def prioritise(backends: Backends, name: str, priority: int) -> Job:
    """Set the priority of a job and return it. Raises JobNotFound."""

    def change(now: Job) -> Job | None:
        return replace(now, priority=priority) if now.priority != priority else None

    return backends.queue.update(name, change)


def scale(backends: Backends, name: str, consumers: int) -> None:
    """Set the number of consumers of a job. Raises JobNotFound, UserError for a number that is not allowed."""
    check_consumers(consumers)

    def change(now: Job) -> Job | None:
        return replace(now, consumers=consumers) if now.consumers != consumers else None

    backends.queue.update(name, change)
