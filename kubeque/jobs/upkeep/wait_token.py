"""The token of the process that waits for a job. The job stores the token, so that only this process can cancel it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from kubeque.jobs.backends import Backends
from kubeque.model.errors import JobNotFound
from kubeque.model.job.changes import end_job
from kubeque.model.job.job import Job, JobState

#: Number of reports within `orphan_after` by which the waiting process shows that it is alive.
_LOOKS = 20
#: Reason of a job that is killed because nothing waits for its results.
_WAITER_ENDED = "the program or Airflow task that waited for the job was ended"


def take(backends: Backends, name: str, token: str, *, orphan_after: float | None, retries: Mapping[str, int]) -> str:
    """Store `token` as the wait token of a job, and return the previous token. Raises JobNotFound."""
    before = ""
    moment = backends.queue.now()

    def change(now: Job) -> Job | None:
        nonlocal before
        before = now.token
        taken = replace(now, token=token, orphan_after=orphan_after, budgets=now.budgets.with_extra(retries))
        return None if taken == now else replace(taken, watched=moment)

    backends.queue.update(name, change)
    return before


def keep(backends: Backends, name: str, token: str) -> None:
    """Store that the process with `token` is alive, unless a different token has replaced it. Raises JobNotFound."""
    moment = backends.queue.now()

    def change(now: Job) -> Job | None:
        stale = now.orphan_after is not None and moment > now.watched + now.orphan_after / _LOOKS
        return replace(now, watched=moment) if stale and now.token == token else None

    backends.queue.update(name, change)


def cancel(backends: Backends, name: str, token: str) -> bool:
    """Kill a job, unless a different token has replaced `token`. Return True if the job was killed.

    If the job was removed, do nothing.
    """
    killed = False

    def change(now: Job) -> Job | None:
        nonlocal killed
        killed = now.token == token and now.open
        return end_job(now, JobState.KILLED, _WAITER_ENDED) if killed else None

    with suppress(JobNotFound):
        backends.queue.update(name, change)
    return killed


def mark_delivered(backends: Backends, job: Job) -> None:
    """Store that the results of this run of `job` were delivered. Raises JobNotFound."""

    def change(now: Job) -> Job | None:
        ended = now.is_same_run(job) and now.closing is not None
        return replace(now, delivered=True) if ended and not now.delivered else None

    backends.queue.update(job.name, change)
