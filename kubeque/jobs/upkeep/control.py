"""Kill, pause, resume, prioritise and scale jobs, and stop the consumers of a cluster."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace

from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.abandoned import remove_abandoned
from kubeque.jobs.upkeep.reconcile import finish
from kubeque.model.errors import JobNotFound, JobUnreadable, QueueUnavailable, UserError
from kubeque.model.job.changes import pause_job, resume_job
from kubeque.model.job.job import Job
from kubeque.model.sweep.option_types import COUNT
from kubeque.model.sweep.sweep import check_consumers
from kubeque.model.wording import code, option

log = logging.getLogger(__name__)


def kill(backends: Backends, name: str) -> None:
    """Kill a job, even if its record cannot be read. Raises JobNotFound.

    Tasks that wait or run become killed. Tasks that have ended do not change.
    """
    try:
        finish(backends, backends.queue.kill(name))
    except JobUnreadable:
        backends.queue.put_aside(name)


def pause(backends: Backends, name: str) -> Job:
    """Pause a job and return the job. Running tasks finish, and no other task starts.

    Raises JobNotFound. Raises UserError if the job has ended, or was killed or stopped.
    """
    at = backends.queue.now()

    def change(now: Job) -> Job | None:
        _require_open(now, "its tasks cannot be paused")
        return None if now.paused else pause_job(now, at)

    return backends.queue.update(name, change)


def resume(backends: Backends, name: str) -> Job:
    """End the pause of a job, and return the job. Raises JobNotFound. Raises UserError if the job is not paused."""

    def change(now: Job) -> Job:
        _require_open(now, "the job is not paused")
        if not now.paused:
            raise UserError(f"{name} is not paused: {code('status', name)} shows its state")
        return resume_job(now)

    return backends.queue.update(name, change)


def no_effect_in_pods() -> str:
    """Return the end of a sentence about a priority: that it has no effect in pods, and what to use instead."""
    return (
        "has no effect in pods, because each job has separate pods: use"
        f" {option('priority_class', 'NAME')} or, with Kueue, {option('kueue_priority', 'NAME')}"
    )


def prioritise(backends: Backends, name: str, priority: int) -> Job:
    """Set the priority of a job, and return the job.

    Raises JobNotFound. Raises UserError if the priority is not a number, or if the job has ended or runs in pods.
    """
    priority = COUNT.convert(priority, "priority")

    def change(now: Job) -> Job | None:
        _require_open(now, "a priority has no effect")
        if backends.cluster_of(now).runs_images:
            raise UserError(f"{name}: a priority {no_effect_in_pods()}")
        return replace(now, priority=priority) if now.priority != priority else None

    return backends.queue.update(name, change)


def scale(backends: Backends, name: str, consumers: int) -> bool:
    """Set the requested number of consumers of a job. Return True if the number has increased.

    Raises JobNotFound. Raises UserError if the number is not allowed or if the job has ended.
    """
    consumers = COUNT.convert(consumers, "consumers")
    check_consumers(consumers)
    before = consumers

    def change(now: Job) -> Job | None:
        nonlocal before
        _require_open(now, "no consumer starts for the job")
        before = now.consumers
        return replace(now, consumers=consumers) if now.consumers != consumers else None

    backends.queue.update(name, change)
    return consumers > before


def stop_consumers(backends: Backends) -> int:
    """End the consumers of the cluster, and return their number. Their tasks run later, and keep their extra attempts.

    If the queue does not answer, consumers in pods also end, but each of their running tasks uses up an extra attempt
    for the cause `preempted`.
    """
    if backends.cluster.runs_images:  # consumers on this machine do not charge their tasks when they end
        try:
            for job in backends.queue.list_jobs().jobs:
                _note_stop(backends, job)
        except QueueUnavailable as error:
            log.warning(
                "the queue does not answer, so the running tasks lose one retry for the cause preempted: %s", error
            )
    count = backends.cluster.stop()
    if not backends.cluster.runs_images:
        remove_abandoned(backends)
    return count


def _note_stop(backends: Backends, job: Job) -> None:
    """Store in an open job the time at which kubeque itself ends its consumers, so that no extra attempt is used up."""
    at = backends.queue.now()
    with suppress(JobNotFound, JobUnreadable):
        backends.queue.update(job.name, lambda now: replace(now, sent_home=at) if now.open else None)


def _require_open(job: Job, effect: str) -> None:
    """Raise UserError if the job has ended, or was killed or stopped."""
    if job.closing is not None:
        raise UserError(f"{job.name} has ended: {effect}; {code('reset', job.name)} runs its failed tasks again")
    if not job.open:
        raise UserError(
            f"{job.name} is {job.state}: {effect}; {code('reset', job.name)} runs the tasks that are not ok"
        )
