"""The tasks of a job that failed last."""

from __future__ import annotations

import heapq

from kubeque.files.row_pages import PageReader
from kubeque.jobs.backends import Site
from kubeque.jobs.table import Line
from kubeque.model.job import Job
from kubeque.model.parameters import read_row
from kubeque.model.task import TaskView


def newest_failures(site: Site, job: Job, count: int) -> list[Line]:
    """The `count` tasks that failed last, the newest first. Reads all blocks, and the rows of these tasks only."""
    failed = (view for view in site.queue.tasks(job) if view.state == "failed")
    rows = site.spec(job).rows
    page = PageReader(rows, job.url, site.files).page
    return [Line(view, read_row(rows, view.index, page)) for view in heapq.nlargest(count, failed, key=_ended_at)]


def _ended_at(view: TaskView) -> float:
    outcome = view.record.outcome
    return outcome.start + outcome.seconds if outcome else 0.0
