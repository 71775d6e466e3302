"""The one entry point to kubeque from Python, for the command line, the Airflow provider and notebooks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from kubeque import __version__
from kubeque.clusters.open import Access, is_hosted, open_hosted
from kubeque.files.csv_source import STANDARD_INPUT, read_rows, read_rows_of_standard_input
from kubeque.files.inputs.sources import absolute_pushes
from kubeque.files.layout import report_url
from kubeque.files.progress import Tell, Transfer
from kubeque.jobs.backends import Backends
from kubeque.jobs.inspection import doctor
from kubeque.jobs.inspection.details import JobDetails, TaskDetails, job_details, task_details
from kubeque.jobs.inspection.doctor import Finding
from kubeque.jobs.inspection.peek import Peek, peek
from kubeque.jobs.inspection.reader import Failures, Reader
from kubeque.jobs.inspection.replay import Replayed, replay
from kubeque.jobs.reports.report import write_report
from kubeque.jobs.reports.timeline import write_timeline
from kubeque.jobs.results import fetch as fetching
from kubeque.jobs.results import table
from kubeque.jobs.results.collect import CollectedTable, check_ending, collect, frame, records
from kubeque.jobs.results.fetch import check_state
from kubeque.jobs.results.params_csv import rows_csv
from kubeque.jobs.results.ranking import newest_failures, ranked
from kubeque.jobs.results.table import TaskRow
from kubeque.jobs.submission import canaries
from kubeque.jobs.submission.effect import Effect
from kubeque.jobs.submission.existing import Existing
from kubeque.jobs.submission.like import like
from kubeque.jobs.submission.plan import Plan, plan
from kubeque.jobs.submission.recent_jobs import recent_names
from kubeque.jobs.submission.reset import reset, stale_note
from kubeque.jobs.submission.submit import Submitted, submit
from kubeque.jobs.upkeep import control, observers, wait_token, watch
from kubeque.jobs.upkeep.gc import Garbage, clear_away
from kubeque.jobs.upkeep.observers import Observer
from kubeque.jobs.upkeep.progress import Progress, read_progress
from kubeque.jobs.upkeep.reconcile import reconcile
from kubeque.jobs.upkeep.remove import remove
from kubeque.model.config.config import Config
from kubeque.model.errors import JobUnreadable, StorageError
from kubeque.model.job.job import Job
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.versions import warn_of_difference
from kubeque.model.rows.parameters import Rows
from kubeque.model.stats.estimate import Estimate
from kubeque.model.stats.spans import By
from kubeque.model.sweep.sweep import Sweep
from kubeque.model.user_paths import expand_home
from kubeque.queues.reaper import LeaseWatch

if TYPE_CHECKING:
    from kubeque.clusters.gke.cluster import GkeCluster as GkeCluster
    from kubeque.clusters.gke.messages import PoolSeen as PoolSeen
    from kubeque.clusters.gke.project import Part as Part

__all__ = [
    "STANDARD_INPUT", "Access", "By", "Client", "CollectedTable", "Effect", "Estimate", "Existing", "Failures",
    "Finding", "Garbage", "JobDetails", "Observer", "Peek", "Plan", "Progress", "Reader", "Replayed", "Submitted",
    "TaskDetails", "TaskRow", "Transfer", "absolute_pushes", "check_ending", "check_state", "is_hosted", "report_url",
]  # fmt: skip


class Client:
    """Submit sweeps, watch them, and fetch their results.

    All methods that take the name of a job raise JobNotFound. All methods raise QueueError and StorageError where the
    queue or the store fails.
    """

    def __init__(self, config: Config | None = None, *, access: Access | None = None) -> None:
        """Connect to what `config` names (default: the `.kubeque` file, or this machine).

        `access`: logins for clusters; default: those of this machine's user. Raises ConfigError, ClusterError.
        """
        self.config = config or Config.load()
        self._backends = Backends.open(self.config, access)
        self._watch = LeaseWatch()
        #: Reads jobs without changing them, for pages that many people open.
        self.reader = Reader(self._backends)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._backends.close()

    # ------------------------------------------------------------------ submit
    def submit(
        self, sweep: Sweep, *, existing: Existing = Existing.REFUSE, progress: Tell | None = None,
        typed: Collection[str] = (), confirm: Callable[[Effect], bool] | None = None,
    ) -> Submitted:  # fmt: skip
        """Submit a sweep; `progress` gets files and bytes uploaded. Raises UserError with nothing submitted.

        `typed`: names of options that the user typed for this submission. One that has no effect on this machine is
        refused; otherwise a note names it. `confirm` is called with the effect on an existing job before the job is
        changed; if it returns False, UserError is raised.
        """
        return submit(self._backends, sweep, existing=existing, progress=progress, typed=typed, confirm=confirm)

    def plan(self, sweep: Sweep, *, existing: Existing = Existing.REFUSE, typed: Collection[str] = ()) -> Plan:
        """Return what `submit` would do with a sweep; nothing is written. Raises UserError."""
        return plan(self._backends, sweep, existing=existing, typed=typed)

    def like(self, name: str, *, rows: Rows | None = None, inputs_of_command: bool = True) -> Sweep:
        """Return a sweep with the command, inputs and settings of a job, and its rows unless `rows` are given.

        `inputs_of_command` False: without the files of its `^` words, for a command that brings its own.
        """
        return like(self._backends, name, rows=rows, inputs_of_command=inputs_of_command)

    def rows(self, source: str) -> Rows:
        """Return the rows of a CSV file, a path or a URL. Raises ParametersError, StorageError."""
        return read_rows(self._backends.files, expand_home(source))

    def rows_of_standard_input(self) -> Rows:
        """Return the rows of the CSV text on standard input. Raises ParametersError."""
        return read_rows_of_standard_input()

    def estimate(self, name: str) -> Estimate:
        """Return what the canaries of a job predict for the tasks that are held."""
        return canaries.canary_estimate(self._backends, self.job(name))

    def go(self, name: str) -> Progress:
        """Release the tasks that are held behind the canaries. Raises UserError if the job holds no tasks."""
        canaries.go(self._backends, name)
        return self.reconcile(name)

    # ------------------------------------------------------------------ watch
    def progress(self, name: str) -> Progress:
        """Return the progress of a job. Nothing is changed or started."""
        return read_progress(self._backends, self.job(name))

    def status(self, name: str) -> Progress:
        """Record the deaths of consumers, close the job if it has ended, and return its progress. Starts nothing.

        While the store does not answer or blocks are damaged, the progress is that of the queue, with the obstacle.
        """
        try:
            return reconcile(self._backends, name, start=False, watch=self._watch)
        except (StorageError, JobUnreadable) as error:
            return read_progress(self._backends, self.job(name), obstacle=str(error))

    def reconcile(self, name: str) -> Progress:
        """Do the same as `status`, and start missing consumers. Programs that wait for a job call this repeatedly."""
        return reconcile(self._backends, name, start=True, watch=self._watch)

    def jobs(self) -> list[Job]:
        """Return all jobs of the queue, the newest last, without those that this kubeque cannot read."""
        return sorted(self._backends.queue.jobs(), key=lambda job: job.created)

    def version_warnings(self, job: Job) -> list[str]:
        """Return one line for each version of kubeque other than this one that works on a job. Raises StorageError."""
        consumers = self._backends.cluster_of(job).consumer_version
        found = (
            warn_of_difference(f"{job.name}: its consumers run", consumers, __version__),
            warn_of_difference(f"{job.name}: its record was written by", job.written_by, __version__),
        )
        return [line for line in found if line]

    def unreadable_jobs(self) -> list[JobUnreadable]:
        """The jobs that this kubeque leaves alone, each with the reason: what it needs, or that it is damaged."""
        return self._backends.queue.list_jobs().unreadable

    def recent_names(self) -> list[str]:
        """Return the names that this user submitted to this queue from this home folder, the newest first."""
        return recent_names(self.config.home, self.config.queue_url)

    def job(self, name: str) -> Job:
        """Return one job as the queue has it."""
        return self._backends.queue.job(name)

    def exists(self, name: str) -> bool:
        """True if the queue has a job of this name."""
        return self._backends.queue.find(name) is not None

    def watch(self, name: str, *, seconds: float = 0.3) -> Iterator[Progress]:
        """Start missing consumers, and yield the progress of a job until it has ended or is held.

        An outage becomes an error after 300 s.
        """
        with observers.announce(self.config.home, name):
            yield from watch.watch(lambda: self.reconcile(name), seconds=seconds)

    def wait(self, name: str, *, timeout: float | None = None) -> Progress:
        """Wait until the job has ended or is held. Raises TimeoutError after `timeout` seconds."""
        return watch.wait(self.watch(name), name, timeout=timeout)

    def details(self, name: str) -> JobDetails:
        """Return a job with its spec and the sums over its tasks. O(tasks)."""
        return job_details(self._backends, name)

    def task(self, name: str, index: int) -> TaskDetails:
        """Return a task with its row, attempts and last result. Raises UserError for an index out of range."""
        return task_details(self._backends, name, index)

    def peek(self, name: str, index: int, stream: str = "stdout", *, wait: bool = True) -> Peek:
        """Return the last 64 KiB of `stdout` or `stderr` of a task, also while it runs.

        `wait`: wait up to 12 s for the newest output of a running task. Raises UserError for an index out of range.
        """
        return peek(self._backends, self.job(name), index, stream, wait=wait)

    # ------------------------------------------------------------------ the one Airflow task that waits for a job
    def take(
        self, name: str, token: str, *, orphan_after: float | None = None, retries: Mapping[str, int] | None = None
    ) -> str:
        """Store the token of the job's waiter, and return the previous token; "" if there was none.

        `orphan_after`: seconds without a `keep` after which the job stops; None: never. `retries`: extra attempts by
        cause, from now on.
        """
        return wait_token.take(self._backends, name, token, orphan_after=orphan_after, retries=retries or {})

    def keep(self, name: str, token: str) -> None:
        """Store the time of this sign of life of a waiter, unless the job has another token."""
        wait_token.keep(self._backends, name, token)

    def cancel(self, name: str, token: str) -> bool:
        """Kill a job if it has this token, and return True if it did. A missing job is not an error."""
        return wait_token.cancel(self._backends, name, token)

    def mark_delivered(self, job: Job) -> None:
        """Store that the results of this run were delivered: submitting the same job again starts a new run."""
        wait_token.mark_delivered(self._backends, job)

    # ------------------------------------------------------------------ results
    def lines(self, name: str, *, state: str | None = None, first: int = 0) -> Iterator[TaskRow]:
        """Yield each task from index `first` on with its row, in order; with `state` only those in it."""
        return table.lines(self._backends, self.job(name), state=state, first=first)

    def ranked(
        self, name: str, column: str, *, top: int | None = None, descending: bool = False, state: str | None = None
    ) -> list[TaskRow]:
        """Return the first `top` tasks ordered by a column of the table; numbers come first. Raises UserError."""
        return ranked(self.lines(name, state=state), column, top=top, descending=descending)

    def notes(self, name: str, count: int = 3) -> tuple[int, list[tuple[int, str]]]:
        """Return the number of successful tasks with a message, and index and message of the first `count`."""
        return table.notes(self._backends, self.job(name), count)

    def newest_failures(self, name: str, count: int) -> list[TaskRow]:
        """Return the `count` tasks that failed last, the newest first."""
        return newest_failures(self._backends, self.job(name), count)

    def replay(self, name: str, index: int, folder: Path | str | None = None, *, echo: bool = True) -> Replayed:
        """Run a task again on this machine, in a folder that stays, and compare the outcomes. Raises UserError."""
        return replay(self._backends, name, index, Path(folder) if folder is not None else None, echo=echo)

    def table(self, name: str) -> list[dict[str, Any]]:
        """Return one dict per task: index, parameters, state, cause, exit_code, seconds, peak_memory, files, out.*

        Values too large for the queue are read from the results.
        """
        return records(self._backends, self.job(name))

    def rows_csv(self, name: str, *, state: str | None = None) -> Iterator[str]:
        """Yield the rows of a job as CSV text that a sweep can read again. Raises ParametersError."""
        return rows_csv(self._backends, self.job(name), state=state)

    def fetch(
        self, name: str, dest: Path | str, *, force: bool = False, indexes: Container[int] | None = None,
        state: str | None = None, globs: Sequence[str] = (), progress: Tell | None = None, replaces: str = "",
    ) -> fetching.Fetched:  # fmt: skip
        """Fetch results into `dest`/{index}/ and `dest`/results.csv; `dest` is a folder or a URL of a store.

        `indexes`, `state` ("ok", "failed"): which tasks (default: all that ended); `globs`: which files (default: all).
        `progress` gets tasks and bytes. `replaces`: uid of a job that this one has replaced; its files in `dest` are
        deleted. Raises DestinationError.
        """
        choice = fetching.Choice(indexes, state, tuple(globs))
        return fetching.fetch(
            self._backends, self.job(name), expand_home(dest), force=force, replaces=replaces, choice=choice,
            progress=progress,
        )  # fmt: skip

    def check_destination(self, dest: Path | str, name: str, *, force: bool = False) -> str:
        """Check, before a job is submitted as `name`, that its results can be fetched into `dest`.

        Return the uid of the job that has the name now, for `replaces` of `fetch`; empty if there is none. Raises
        DestinationError, StorageError.
        """
        return fetching.check_destination(self._backends, expand_home(dest), name, force=force)

    def collect(self, name: str, dest: Path | str, *, infer: bool = False) -> CollectedTable:
        """Write the whole table to `dest`, .csv or .parquet. Raises UserError, DestinationError, MissingExtra.

        Parameters stay text unless `infer`. Values too large for the queue are read from the results. If the results of
        single tasks are damaged, the table is written without their values; then StorageError names these tasks.
        """
        return collect(self._backends, self.job(name), expand_home(dest), infer=infer)

    def frame(self, name: str) -> Any:
        """Return the whole table as a pandas DataFrame, parameters as text. Raises MissingExtra."""
        return frame(self._backends, self.job(name))

    def report(self, name: str, dest: Path | str) -> None:
        """Write report.html of a job, as of now, to `dest`. Raises DestinationError."""
        progress = self.progress(name)
        write_report(self._backends, progress.job, progress.counts, expand_home(dest))

    def timeline(self, names: Sequence[str], dest: Path | str, *, by: By = By.CONSUMER) -> int:
        """Write the timeline of jobs to `dest` (.html, .json for a Chrome trace, .csv, .png); return their attempts.

        Raises UserError, DestinationError, MissingExtra.
        """
        return write_timeline(self._backends, [self.job(name) for name in names], expand_home(dest), by=by)

    # ------------------------------------------------------------------ control and housekeeping
    def kill(self, name: str) -> Progress:
        """Stop a job: tasks that wait or run become killed, tasks that are ok stay.

        A job whose record cannot be read is stopped too; JobUnreadable is raised if its progress cannot be read after.
        """
        control.kill(self._backends, name)
        return self.status(name)

    def reset(self, name: str, rule: ResetRule | None = None, *, update: bool = False) -> Progress:
        """Run the tasks that failed or were killed, or those that `rule` selects, again with full budgets.

        `update`: with the input files and the environment of now, which `stale_note` compares. Raises UserError.
        """
        reset(self._backends, name, rule or ResetRule(), update=update)
        return self.reconcile(name)

    def stale_note(self, name: str) -> str:
        """Return the note that input files of a job changed on this machine since its submission; empty if none did."""
        return stale_note(self._backends, self.job(name))

    def pause(self, name: str) -> Progress:
        """Pause a job: running tasks finish, no other task starts, and consumers without work leave.

        Consumers notice the pause within five seconds. Raises UserError if the job has ended.
        """
        control.pause(self._backends, name)
        return self.status(name)

    def resume(self, name: str) -> Progress:
        """End the pause of a job and start consumers. Raises UserError if the job is not paused."""
        control.resume(self._backends, name)
        return self.reconcile(name)

    def prioritise(self, name: str, priority: int) -> Job:
        """Set the priority of a job: the consumers of its fleet prefer jobs of higher priority.

        Raises UserError if the job has ended.
        """
        return control.prioritise(self._backends, name, priority)

    def scale(self, name: str, consumers: int) -> Progress:
        """Set the number of consumers of a job: missing ones start, surplus ones leave after their task.

        Raises UserError for a number that is not allowed or a job that has ended.
        """
        grew = control.scale(self._backends, name, consumers)
        return self.reconcile(name) if grew else self.status(name)

    def remove(self, name: str) -> Job | None:
        """Delete a job and its results, except those that other jobs link to.

        Return None for a job whose record could not be read: `gc` deletes its results.
        """
        return remove(self._backends, name)

    def gc(self, *, really: bool = False) -> Garbage:
        """Return expired jobs, left-over folders and unused inputs; `really`: delete them. Raises UserError."""
        return clear_away(self._backends, really=really, now=self._backends.queue.now())

    def doctor(self, name: str) -> list[Finding]:
        """Record deaths, close the job if it has ended, and check its consumers, records and files. Starts nothing."""
        return doctor.examine(self._backends, name)

    @staticmethod
    def check(config: Config, *, only_cluster: bool = False) -> Iterator[Finding]:
        """Check queue, stores, cluster and disk of a configuration, or the cluster alone; yield each finding."""
        return doctor.check_cluster(config) if only_cluster else doctor.check(config)

    def check_store(self) -> None:
        """Raise UserError or StorageError if results cannot be written."""
        self._backends.files.check_writable(self.config.default_url_prefix)

    # ------------------------------------------------------------------ the place where consumers run
    @staticmethod
    def hosting(
        config: Config, *, access: Access | None = None, tell: Callable[[str, float], None] | None = None
    ) -> GkeCluster:
        """Return the cluster that `config` names, to start, resize and stop it. Raises ConfigError unless `is_hosted`.

        `tell` gets the name of an operation that takes long, and the seconds since its start.
        """
        return open_hosted(config, access=access, tell=tell)

    def start_hint(self) -> str:
        """Return a message that names what the user must start before consumers can run; empty if nothing is known to
        be missing."""
        return self._backends.cluster.start_hint

    def stop(self) -> int:
        """End the consumers of the cluster and return their number. Their tasks wait, and are not charged."""
        return control.stop_consumers(self._backends)

    def observers(self) -> list[Observer]:
        """Return the programs that wait for open jobs: they start consumers again."""
        return observers.find_observers(self._backends)
