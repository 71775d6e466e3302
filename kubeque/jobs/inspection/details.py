"""The details of one job, or of one of its tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import field
from typing import Any

from kubeque.files.layout import report_name, report_url, result_url, table_url
from kubeque.files.rows.row_pages import PageReader
from kubeque.jobs.backends import Backends
from kubeque.jobs.results.result_manifest import read_checked_result
from kubeque.jobs.results.table import TaskRow
from kubeque.jobs.upkeep.progress import Progress, read_progress
from kubeque.lazy_dataclass import dataclass
from kubeque.model.command.command import format_word
from kubeque.model.errors import FileDamaged, FileMissing, StorageError, UserError
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.shapes import Shape
from kubeque.model.job.spec import JobSpec
from kubeque.model.job.task import Outcome
from kubeque.model.rows.rows import read_row


@dataclass(frozen=True, slots=True)
class JobDetails:
    """A job with its progress, its spec, and totals over its tasks."""

    progress: Progress
    spec: JobSpec
    #: Number of ended tasks by cause. Tasks that were killed with their job are not counted.
    causes: Mapping[str, int] = field(default_factory=dict)
    #: Number of ended attempts that are still in the queue.
    attempts: int = 0
    #: Sum of the wall times of all ended tasks, seconds.
    seconds: float = 0.0
    #: Largest peak memory of one ended task, bytes.
    peak_memory: int = 0
    #: URL of the table of this run; empty before the job has ended.
    table: str = ""
    #: URL of the report of this run; empty if no report is stored.
    report: str = ""

    @property
    def mean_seconds(self) -> float | None:
        """Mean wall time of the ended tasks, seconds; None if no task has ended. Killed rows are not counted."""
        ended = sum(count for cause, count in self.causes.items() if cause != Cause.KILLED)
        return self.seconds / ended if ended else None


@dataclass(frozen=True, slots=True)
class TaskDetails:
    """A task, with its row, its attempts and its last result."""

    job: Job
    line: TaskRow
    #: Memory and disk that the task may use.
    shape: Shape
    #: Contents of the result.json of the last accepted outcome; None if this file does not exist or cannot be read.
    result: Mapping[str, Any] | None
    #: URL of the folder with result.json; empty if no result was stored.
    url: str
    #: Error because of which result.json cannot be read; None if it was read, or if it does not exist.
    fault: FileDamaged | None = None
    #: Shell command with its placeholders, as the user wrote it. Empty without a shell, or if the task ran an older
    #: spec.
    script: str = ""


def job_details(backends: Backends, name: str) -> JobDetails:
    """Return the details of a job. Takes O(tasks) time and O(1) memory. Raises JobNotFound, StorageError."""
    job = backends.queue.job(name)
    progress = read_progress(backends, job)
    causes: Counter[str] = Counter()
    attempts, seconds, peak = 0, 0.0, 0
    for view in backends.queue.tasks(job):
        outcome = view.record.outcome
        attempts += len(view.record.history)
        if view.is_row_killed:
            causes[Cause.KILLED.value] += 1
        elif view.state.has_outcome and outcome is not None:
            causes[outcome.cause.value] += 1
            seconds += outcome.seconds
            peak = max(peak, outcome.peak_memory)
    table = table_url(job) if job.closing is not None else ""
    return JobDetails(
        progress, backends.spec(job), dict(causes.most_common()), attempts, seconds, peak, table, _report(backends, job)
    )


def _report(backends: Backends, job: Job) -> str:
    """Return the URL of the report of a job that has ended; empty if no report is stored."""
    there = job.closing is not None and backends.files.existing(job.url, [report_name(job)])
    return report_url(job) if there else ""


def task_details(backends: Backends, name: str, index: int) -> TaskDetails:
    """Return the details of one task.

    Raises JobNotFound. Raises UserError if the job has no task with this index. Raises StorageError.
    """
    job = backends.queue.job(name)
    line = find_line(backends, job, index)
    url = result_url(job, line.view.record.outcome)
    result, fault = None, None
    try:
        result = read_checked_result(backends.files, url) if url else None
    except FileMissing:
        pass  # the files of the attempt were deleted; the outcome is still shown
    except FileDamaged as error:
        fault = error
    script = _read_script(backends, job) if _is_current(job, line.view.record.outcome) else ""
    return TaskDetails(job, line, job.shapes[line.view.size_class], result, url, fault, script)


def _is_current(job: Job, outcome: Outcome | None) -> bool:
    """True if the current spec has the command of a task. False if the task ran under an earlier revision."""
    return outcome is None or outcome.revision in (0, job.revision)


def _read_script(backends: Backends, job: Job) -> str:
    """Return the shell command with its placeholders; empty without a shell, or if the spec cannot be read."""
    with suppress(StorageError):
        spec = backends.spec(job)
        return " ".join(map(format_word, spec.command)) if spec.shell else ""
    return ""


def find_line(backends: Backends, job: Job, index: int) -> TaskRow:
    """Return one task with its row. Raises UserError if the job has no task with this index. Raises StorageError."""
    view = backends.queue.task(job, index)
    if view is None:
        raise UserError(f"{job.name} has no task {index}: its tasks are 0 to {job.n - 1}")
    rows = backends.spec(job).rows
    return TaskRow(view, read_row(rows, index, PageReader(job.url, backends.files, rows.pages).page))
