"""Paths of everything in a job's folder."""

from __future__ import annotations

from collections.abc import Mapping

from kubeque.files.urls import base_name, join
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.job.task import Outcome


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


def input_names(spec: JobSpec, row: Mapping[str, str]) -> dict[str, str]:
    """By the word as rendered for the row."""
    rendered = [word.render(row) for word in spec.command if word.upload]
    return {path: spec.row_inputs[path].name if path in spec.row_inputs else base_name(path) for path in rendered}


def table_url(job: Job) -> str:
    """Where the table of the job's present run is."""
    return join(job.url, f"results-{job.run}.csv")


def report_url(job: Job) -> str:
    """Where the report of the job's present run is, once the job has ended."""
    return join(job.url, f"report-{job.run}.html")


def keys_url(job: Job, revision: int) -> str:
    """Where the keys of a job's rows are: KEY_BYTES for each, in the order of the rows."""
    return join(job.url, f"keys-{revision}.bin")


def links_url(job: Job) -> str:
    return join(job.url, "links.json")


def page_url(job_url: str, number: int) -> str:
    """Where a page is."""
    return join(job_url, "pages", f"{number}.json")


def logs_url(job_url: str, index: int) -> str:
    """The folder of what a task's attempts said while they ran."""
    return join(job_url, "logs", str(index))


def log_url(job_url: str, index: int, attempt_folder: str) -> str:
    """What one attempt said; `attempt_folder` is the name of its folder: no other lease writes there."""
    return join(logs_url(job_url, index), f"{attempt_folder}.json")
