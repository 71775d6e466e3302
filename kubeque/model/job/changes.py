"""Changes of a job as pure functions: pause, resume, end, close, and raise the version that the job needs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from kubeque.model.compatibility.versions import PAUSE_NEEDS, higher, is_older
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import Closing, JobState
from kubeque.model.job.pause import Pause

#: Maximum number of requests to leave that are kept although their consumers have no lease. A consumer can be between
#: two leases.
_FEW_REQUESTS = 50


def pause_job(job: Job, at: float, reason: str = "") -> Job:
    """Return the job as paused since the Unix time `at`. A job that is already paused is returned unchanged.

    `reason`: reason why kubeque pauses the job; empty if a user pauses it. A paused job needs a newer kubeque, because
    an older one would start its tasks.
    """
    if job.pause is not None:
        return job
    return replace(job, pause=Pause(at, job.needs, reason), needs=higher(job.needs, PAUSE_NEEDS))


def resume_job(job: Job) -> Job:
    """Return the job without its pause, and with the lowest version (`needs`) from before the pause.

    `objects` of the job becomes None, because kubeque deletes the objects in the cluster when a job is paused or ends.
    """
    job = replace(job, objects=None)
    if job.pause is None:
        return job
    raised = is_older(PAUSE_NEEDS, job.needs)  # a feature other than the pause has raised `needs`
    return replace(job, pause=None, needs=job.needs if raised else job.pause.needs_after)


def send_consumers_home(job: Job, asked: Collection[str], holders: Collection[str]) -> Job:
    """Return the job with a request to the consumers `asked` to leave after their task.

    `holders`: names of the consumers that have leases of the job. If there are many requests, those to other consumers
    are removed. No later consumer has the same name, so an old request has no effect.
    """
    kept = [name for name in job.leaving if name in holders or len(job.leaving) <= _FEW_REQUESTS]
    return replace(job, leaving=tuple(sorted({*kept, *asked})))


def end_job(job: Job, state: JobState, reason: str = "") -> Job:
    """Return the job as killed or stopped (`state`). A pause ends, so that the tasks can run after a later reset."""
    return replace(resume_job(job), state=state, reason=reason)


def close_job(job: Job, counts: Counts, at: float, *, killed_rows: int = 0) -> Job:
    """Return the job as closed at the Unix time `at`. A kill that came after the end of the last task is ignored.

    `killed_rows`: number of tasks in `counts.killed` that were killed as single rows, not by a kill of the job.
    """
    job = resume_job(job)
    if job.state is JobState.KILLED and counts.killed <= killed_rows:
        job = replace(job, state=JobState.ACTIVE, reason="")
    return replace(job, closing=Closing(job.succeeds(counts), counts, at))


def raise_needs(job: Job, version: str) -> Job:
    """Return the job with `needs`, the lowest version that may work on it, raised to `version` if it is lower.

    The value of `needs` that applies after the pause is raised, too.
    """
    pause = replace(job.pause, needs_after=higher(job.pause.needs_after, version)) if job.pause else None
    return replace(job, needs=higher(job.needs, version), pause=pause)
