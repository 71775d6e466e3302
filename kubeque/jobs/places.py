"""Where the results of a task are: below its own job, or below an earlier one that it is linked to."""

from __future__ import annotations

from kubeque.files.urls import join
from kubeque.model.job import Job
from kubeque.model.task import Outcome


def task_url(job: Job, index: int) -> str:
    """The folder of all attempts of a task that the job itself ran."""
    return join(job.url, "tasks", str(index))


def result_url(job: Job, outcome: Outcome | None) -> str:
    """The folder of one attempt, with its `result.json` and `files/`; empty where nothing was stored.

    Everybody who reads results asks here: a linked outcome lies in another job's folder.
    """
    if outcome is None or not outcome.folder:
        return ""
    return join(outcome.linked or task_url(job, outcome.index), outcome.folder)
