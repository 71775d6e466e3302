"""Canaries: estimate the time of the held tasks from the tasks that ran first, and release the held tasks."""

from __future__ import annotations

from kubeque.jobs.backends import Backends
from kubeque.model.errors import UserError
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import JobState
from kubeque.model.job.reset_rule import GO_ON
from kubeque.model.stats.advice import AttemptStats
from kubeque.model.stats.estimate import Estimate, estimate
from kubeque.model.wording import command
from kubeque.queues.task_views import in_order


def canary_estimate(backends: Backends, job: Job) -> Estimate:
    """Return an estimate of the time for the held tasks of a job. Reads all blocks that are not held."""
    seen, ended = AttemptStats(), 0
    for view in in_order(job, (block for block in backends.queue.scan(job) if not block.held)):
        seen.add(view)
        outcome = view.record.outcome
        ended += view.state.has_outcome and not (outcome is not None and outcome.linked)
    return estimate(job, seen, canaries=ended, held=backends.queue.counts(job).held)


def go(backends: Backends, name: str) -> Job:
    """Release the held tasks of a job, and return the job. Raises JobNotFound.

    Raises UserError if no task is held, or if the job was killed or stopped.
    """
    job = backends.queue.job(name)
    if job.state in (JobState.KILLED, JobState.STOPPED):
        raise UserError(f"{name} is {job.state}: {command('reset', name)} runs the tasks that are not ok")
    if not job.canaries:
        raise UserError(f"no task of {name} is held: {command('status', name)} shows its state")
    return backends.queue.reset(name, GO_ON)
