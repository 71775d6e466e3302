"""The one door to kubeque from Python: what the command line, the Airflow provider and notebooks use."""

from __future__ import annotations

import io
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from kubeque.clusters.open import Access, is_hosted, is_local, open_hosted
from kubeque.files.layout import report_url
from kubeque.files.progress import Tell, Transfer
from kubeque.jobs.backends import Backends
from kubeque.jobs.inspection.details import JobDetails, TaskDetails, job_details, task_details
from kubeque.jobs.inspection.doctor import Finding, examine
from kubeque.jobs.inspection.peek import Peek, peek
from kubeque.jobs.inspection.reader import Failures, Reader
from kubeque.jobs.inspection.replay import Replayed, replay
from kubeque.jobs.reports.report import write_report
from kubeque.jobs.reports.timeline import write_timeline
from kubeque.jobs.results import fetch as fetching
from kubeque.jobs.results import table
from kubeque.jobs.results.collect import CollectedTable, collect, frame, records
from kubeque.jobs.results.params_csv import rows_csv
from kubeque.jobs.results.ranking import newest_failures, ranked
from kubeque.jobs.results.table import TaskRow
from kubeque.jobs.submission import canaries
from kubeque.jobs.submission.like import like
from kubeque.jobs.submission.plan import Plan, plan
from kubeque.jobs.submission.submit import Existing, Submitted, submit
from kubeque.jobs.upkeep import wait_token
from kubeque.jobs.upkeep.gc import Garbage, clear_away
from kubeque.jobs.upkeep.reconcile import Progress, finish, reconcile
from kubeque.jobs.upkeep.remove import remove
from kubeque.model.config.config import Config
from kubeque.model.errors import FileDamaged, FileMissing, QueueUnavailable, StorageError
from kubeque.model.job.job import Job, ResetRule
from kubeque.model.rows.csv_rows import read_csv
from kubeque.model.rows.parameters import Rows
from kubeque.model.stats.estimate import Estimate
from kubeque.model.stats.spans import By
from kubeque.model.sweep.sweep import Sweep, check_consumers
from kubeque.queues.reaper import LeaseWatch

#: So long who watches waits for a queue or store that does not answer any more, seconds.
_AWAY_SECONDS = 300.0

__all__ = [
    "Access",
    "By",
    "Client",
    "CollectedTable",
    "Estimate",
    "Existing",
    "Failures",
    "Finding",
    "Garbage",
    "JobDetails",
    "Peek",
    "Plan",
    "Progress",
    "Reader",
    "Replayed",
    "Submitted",
    "TaskDetails",
    "TaskRow",
    "Transfer",
    "is_hosted",
    "is_local",
    "open_hosted",
    "report_url",
]  # fmt: skip


class Client:
    """Submit sweeps, watch them, and bring their results back."""

    def __init__(self, config: Config | None = None, *, access: Access | None = None) -> None:
        """Connect to what `config` names; without one, to what the `.kubeque` file names, or this machine's own.

        `access`: how to log in to clusters, if not as this machine's user.
        """
        self.config = config or Config.load()
        self._backends = Backends.open(self.config, access)
        self._watch = LeaseWatch()
        #: Looks at jobs without touching them: for whoever shows them to many people.
        self.reader = Reader(self._backends)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections."""
        self._backends.close()

    def submit(self, sweep: Sweep, *, existing: Existing = Existing.REFUSE, progress: Tell | None = None) -> Submitted:
        """Submit a sweep; `progress` is told files and bytes uploaded. Raises UserError with nothing submitted."""
        return submit(self._backends, sweep, existing=existing, progress=progress)

    def plan(self, sweep: Sweep) -> Plan:
        """What `submit` would do with a sweep; nothing is written. Raises UserError."""
        return plan(self._backends, sweep)

    def like(self, name: str, *, rows: Rows | None = None, inputs_of_command: bool = True) -> Sweep:
        """A sweep with the command, inputs and settings of a job, for other rows if they are given.

        `inputs_of_command` False: without the files of its `^` words, for a command that brings its own.
        """
        return like(self._backends, name, rows=rows, inputs_of_command=inputs_of_command)

    def status(self, name: str) -> Progress:
        """How a job stands; what can be repaired is repaired by the way. Raises JobNotFound."""
        return reconcile(self._backends, name, watch=self._watch)

    def jobs(self) -> list[Job]:
        """All jobs of the queue, the newest last."""
        return sorted(self._backends.queue.jobs(), key=lambda job: job.created)

    def job(self, name: str) -> Job:
        """One job as the queue has it. Raises JobNotFound."""
        return self._backends.queue.job(name)

    def watch(self, name: str, *, seconds: float = 0.3) -> Iterator[Progress]:
        """How a job stands, again and again until it has ended or is held. Raises JobNotFound.

        A queue or store that stops answering is an obstacle for a while, and an error only if it goes on.
        """
        progress, answered = self.status(name), time.monotonic()
        while True:
            yield progress
            if progress.job.closing is not None or progress.held:
                return
            time.sleep(seconds)
            try:
                progress, answered = self.status(name), time.monotonic()
            except (QueueUnavailable, StorageError) as error:
                if isinstance(error, FileMissing | FileDamaged) or time.monotonic() - answered > _AWAY_SECONDS:
                    raise
                progress = replace(progress, obstacles=(str(error),))

    def wait(self, name: str, *, timeout: float | None = None) -> Progress:
        """Wait until the job has ended or is held. Raises TimeoutError after `timeout` seconds, JobNotFound."""
        end = time.monotonic() + timeout if timeout is not None else None
        for progress in self.watch(name):
            if progress.job.closing is None and end is not None and time.monotonic() > end:
                raise TimeoutError(f"{name} has not ended after {timeout:g} s")
        return progress

    def rows(self, source: str) -> Rows:
        """The rows of a CSV file on this machine or in a store. Raises ParametersError, StorageError."""
        if "://" not in source:
            return read_csv(lambda: open(source, "rb"), source)
        data = self._backends.files.read(source)
        return read_csv(lambda: io.BytesIO(data), source)

    def take(
        self, name: str, token: str, *, orphan_after: float | None = None, retries: Mapping[str, int] | None = None
    ) -> str:
        """Note who waits for a job from now on; returns who did before. Raises JobNotFound.

        `orphan_after`: the job stops when who waits does not `keep` it for so many seconds; None: it never does.
        `retries`: extra attempts by cause, from here on.
        """
        return wait_token.take(self._backends, name, token, orphan_after=orphan_after, retries=retries or {})

    def keep(self, name: str, token: str) -> None:
        """Note that `token` still waits, unless somebody else does by now. Raises JobNotFound."""
        wait_token.keep(self._backends, name, token)

    def cancel(self, name: str, token: str) -> bool:
        """Kill a job if `token` still is who waits for it: one who came later has adopted it. Was it killed?

        A job that is gone is nobody's to kill.
        """
        return wait_token.cancel(self._backends, name, token)

    def mark_delivered(self, job: Job) -> None:
        """Note that somebody was given the results of this run of `job`: who submits it again means a new run."""
        wait_token.mark_delivered(self._backends, job)

    def lines(self, name: str, *, state: str | None = None, first: int = 0) -> Iterator[TaskRow]:
        """Every task from index `first` on with its row, in order; only those in `state` if it is given."""
        return table.lines(self._backends, self.job(name), state=state, first=first)

    def ranked(
        self, name: str, column: str, *, top: int | None = None, descending: bool = False, state: str | None = None
    ) -> list[TaskRow]:
        """The first `top` tasks in the order of a column of the table, `out.*` too; numbers as numbers, first."""
        return ranked(self.lines(name, state=state), column, top=top, descending=descending)

    def newest_failures(self, name: str, count: int) -> list[TaskRow]:
        """The tasks that failed last, the newest first."""
        return newest_failures(self._backends, self.job(name), count)

    def details(self, name: str) -> JobDetails:
        """A job with its spec and what its tasks say together. Raises JobNotFound."""
        return job_details(self._backends, name, watch=self._watch)

    def task(self, name: str, index: int) -> TaskDetails:
        """A task with its row, its attempts and its last result. Raises JobNotFound, UserError."""
        return task_details(self._backends, name, index, watch=self._watch)

    def peek(self, name: str, index: int, stream: str = "stdout", *, wait: bool = True) -> Peek:
        """The last 64 KiB that a task wrote to `stdout` or `stderr`, also while it runs; with `wait` as new as can be.

        Raises JobNotFound, UserError for an index that the job does not have, StorageError.
        """
        return peek(self._backends, name, index, stream, wait=wait, watch=self._watch)

    def replay(self, name: str, index: int, folder: Path | str | None = None, *, echo: bool = True) -> Replayed:
        """Run a task again on this machine, in a folder that stays, and compare. Raises UserError, StorageError."""
        return replay(self._backends, name, index, Path(folder) if folder is not None else None, echo=echo)

    def table(self, name: str) -> list[dict[str, Any]]:
        """One dict per task: index, parameters, state, cause, exit_code, seconds, peak_memory, files, out.*

        Values too large for the queue are read from the results. Raises JobNotFound, StorageError.
        """
        return records(self._backends, self.job(name))

    def rows_csv(self, name: str, *, state: str | None = None) -> Iterator[str]:
        """The rows of a job as CSV text that a sweep can read again, piece by piece. Raises UserError."""
        return rows_csv(self._backends, self.job(name), state=state)

    def fetch(
        self, name: str, dest: Path | str, *, force: bool = False, indexes: Container[int] | None = None,
        state: str | None = None, globs: Sequence[str] = (), progress: Tell | None = None,
    ) -> fetching.Fetched:  # fmt: skip
        """Bring results into `dest`/{index}/ and `dest`/results.csv: of all tasks that ended, or of those that
        `indexes` and `state` ("ok", "failed") choose; all files, or those that match `globs`.

        `dest` is a folder, or a URL of a store. `progress` is told tasks and bytes. Raises DestinationError,
        StorageError.
        """
        choice = fetching.Choice(indexes, state, tuple(globs))
        job = self.status(name).job
        return fetching.fetch(self._backends, job, str(dest), force=force, choice=choice, progress=progress)

    def collect(self, name: str, dest: Path | str, *, infer: bool = False) -> CollectedTable:
        """Write the whole table to `dest`, .csv or .parquet. Raises UserError, MissingExtra, StorageError.

        Parameters stay text unless `infer`. Values too large for the queue are read from the results.
        """
        return collect(self._backends, self.status(name).job, dest, infer=infer)

    def frame(self, name: str) -> Any:
        """The whole table as a pandas DataFrame, parameters as text. Raises MissingExtra, StorageError."""
        return frame(self._backends, self.status(name).job)

    def report(self, name: str, dest: Path | str) -> None:
        """Write report.html of a job as it stands to `dest`. Raises DestinationError, StorageError."""
        progress = self.status(name)
        write_report(self._backends, progress.job, progress.counts, dest)

    def timeline(self, names: Sequence[str], dest: Path | str, *, by: By = By.CONSUMER) -> int:
        """Draw the attempts of jobs to `dest`, .html, .json (Chrome trace), .csv or .png; how many there are.

        Raises JobNotFound, UserError, DestinationError, StorageError, MissingExtra.
        """
        return write_timeline(self._backends, [self.status(name).job for name in names], dest, by=by)

    def check_store(self) -> None:
        """Raises UserError, StorageError where results cannot be written."""
        self._backends.files.check_writable(self.config.default_url_prefix)

    def doctor(self, name: str) -> list[Finding]:
        """Is all as it must be with a job? Nothing is changed. Raises JobNotFound."""
        return examine(self._backends, name)

    def kill(self, name: str) -> Progress:
        """Let nothing more of the job run."""
        finish(self._backends, self._backends.queue.kill(name))
        return self.status(name)

    def reset(self, name: str, rule: ResetRule | None = None) -> Progress:
        """Let failed (and killed) tasks run again, or those that `rule` names."""
        self._backends.queue.reset(name, rule or ResetRule())
        return self.status(name)

    def estimate(self, name: str) -> Estimate:
        """What the canaries of a job let expect of the tasks that are held. Raises JobNotFound."""
        return canaries.canary_estimate(self._backends, self.job(name))

    def go(self, name: str) -> Progress:
        """Let the tasks run that are held behind the canaries. Raises JobNotFound, UserError where there are none."""
        canaries.go(self._backends, name)
        return self.status(name)

    def prioritise(self, name: str, priority: int) -> Job:
        """Let the consumers of its fleet prefer the job to those of lower priority, from now on. Raises JobNotFound."""

        def change(now: Job) -> Job | None:
            return replace(now, priority=priority) if now.priority != priority else None

        return self._backends.queue.update(name, change)

    def scale(self, name: str, consumers: int) -> Progress:
        """Let so many consumers serve the job from now on; where they are too many, some leave after their task.

        Raises JobNotFound, UserError.
        """
        check_consumers(consumers)

        def change(now: Job) -> Job | None:
            return replace(now, consumers=consumers) if now.consumers != consumers else None

        self._backends.queue.update(name, change)
        return self.status(name)

    def remove(self, name: str) -> Job:
        """Delete a job and its results, but for those that other jobs link to. Raises JobNotFound."""
        return remove(self._backends, name)

    def gc(self, *, really: bool = False) -> Garbage:
        """What nobody needs any more: expired jobs, left-over folders, unused inputs; deleted if `really`."""
        return clear_away(self._backends, really=really, now=self._backends.queue.now())

    def stop(self) -> int:
        """End the consumers of this machine; how many there were. Their tasks wait."""
        return self._backends.cluster.stop()
