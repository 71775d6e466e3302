"""The wait token of a job: a text that identifies the process that waits for the job.

The job stores the token. Only a process with the stored token can cancel the job.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from kubeque.jobs.backends import Backends
from kubeque.model.errors import JobNotFound
from kubeque.model.job.changes import end_job
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import JobState

#: Maximum number of times that the waiting process stores the time of its last poll within `orphan_after`.
_LOOKS = 20
#: Reason of a job that is killed because nothing waits for its results.
_WAITER_ENDED = "the program or Airflow task that waited for the job was ended"


def take(backends: Backends, name: str, token: str, *, orphan_after: float | None, retries: Mapping[str, int]) -> str:
    """Store `token` as the wait token of a job, and return the previous token. Raises JobNotFound.

    `orphan_after`: seconds without a poll after which consumers stop the job; None: never. `retries`: changes of the
    job's budgets, by cause.
    """
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
    """Store the time of a poll by the process with `token`. Raises JobNotFound.

    Nothing is stored if the job has a different token or no `orphan_after`, or if the stored time is recent enough.
    """
    moment = backends.queue.now()

    def change(now: Job) -> Job | None:
        stale = now.orphan_after is not None and moment > now.watched + now.orphan_after / _LOOKS
        return replace(now, watched=moment) if stale and now.token == token else None

    backends.queue.update(name, change)


def cancel(backends: Backends, name: str, token: str) -> bool:
    """Kill a job if it is open and its wait token is `token`. Return True if the job was killed.

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
    """Store that the results of this run of `job` were delivered, if this run has ended. Raises JobNotFound."""

    def change(now: Job) -> Job | None:
        ended = now.is_same_run(job) and now.closing is not None
        return replace(now, delivered=True) if ended and not now.delivered else None

    backends.queue.update(job.name, change)
