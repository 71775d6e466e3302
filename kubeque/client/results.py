"""The part of the client that reads and fetches results."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from kubeque.client.progress import ProgressMethods
from kubeque.client.tables import Table
from kubeque.files.transfer_progress import Tell
from kubeque.jobs.inspection.replay import Replayed, replay
from kubeque.jobs.reports.report import write_report
from kubeque.jobs.reports.timeline import write_timeline
from kubeque.jobs.reports.unsent_files import find_unsent_module
from kubeque.jobs.results import fetch as fetching
from kubeque.jobs.results import table
from kubeque.jobs.results.collect import CollectedTable, collect, frame, print_table, records
from kubeque.jobs.results.ended_rows import EndedRows
from kubeque.jobs.results.file_choice import Streams
from kubeque.jobs.results.params_csv import rows_csv
from kubeque.jobs.results.ranking import longest_running, most_retried, newest_failures, rank_tasks
from kubeque.jobs.results.result_paths import choose_layout
from kubeque.jobs.results.table import TaskRow
from kubeque.jobs.upkeep.selected_rows import select_rows
from kubeque.model.job.job import Job
from kubeque.model.job.row_selection import ALL_ROWS, RowSelection
from kubeque.model.stats.spans import By
from kubeque.model.user_paths import expand_home


class ResultMethods(ProgressMethods):
    """Methods of the client that read and fetch results."""

    def lines(
        self, name: str, *, state: str | None = None, first: int = 0, rows: RowSelection = ALL_ROWS
    ) -> Iterator[TaskRow]:
        """Yield the tasks from index `first` on, with their rows, in order.

        `state`: yield only tasks in this state, instead of the states of `rows`. `rows`: yield only these tasks, for
        example `RowSelection.parse("3,5-9", ["lr>0.1"])`. Raises UserError for an index or a column that the job does
        not have.
        """
        chosen = replace(rows, states=(state,)) if state is not None else rows
        return select_rows(self._backends, self.job(name), chosen, first=first)

    def ranked(
        self, name: str, column: str, *, top: int | None = None, descending: bool = False, state: str | None = None,
        rows: RowSelection = ALL_ROWS,
    ) -> list[TaskRow]:  # fmt: skip
        """Return the first `top` tasks, sorted by a column of the table. Numbers precede text. Raises UserError.

        `state`, `rows`: see `lines`.
        """
        return rank_tasks(self.lines(name, state=state, rows=rows), column, top=top, descending=descending)

    def notes(self, name: str, count: int = 3) -> tuple[int, list[tuple[int, str]]]:
        """Return the number of ok tasks that have a message, and the index and message of the first `count` of them."""
        return table.notes(self._backends, self.job(name), count)

    def newest_failures(self, name: str, count: int) -> list[TaskRow]:
        """Return the last `count` tasks that failed, the newest first."""
        return newest_failures(self._backends, self.job(name), count)

    def unsent_module(
        self, job: Job, messages: Iterable[str], *, folders: Sequence[Path] = (), base: Path | None = None
    ) -> str:
        """Return the `push` option that sends a Python module whose import failed in tasks of the job.

        Return an empty text if this machine has no such module.

        `messages`: messages of failed tasks. `folders`: folders to search first. `base`: folder where relative paths of
        the submission start; None for the folder that this machine recorded. Raises StorageError.
        """
        return find_unsent_module(self._backends, job, messages, folders, base)

    def longest_running(self, name: str, count: int) -> list[TaskRow]:
        """Return the `count` tasks that have been running for the longest time, the longest first."""
        return longest_running(self._backends, self.job(name), count)

    def most_retried(self, name: str, count: int) -> list[TaskRow]:
        """Return the `count` unfinished tasks with the most failed attempts, in descending order."""
        return most_retried(self._backends, self.job(name), count)

    def replay(self, name: str, index: int, folder: Path | str | None = None, *, echo: bool = True) -> Replayed:
        """Run a task again on this machine, and compare the new outcome with the recorded one. Raises UserError.

        `folder`: new folder to run in; None for a folder below the current one. The folder is kept. `echo`: True to
        copy the streams of the task to standard error.
        """
        return replay(self._backends, name, index, Path(folder) if folder is not None else None, echo=echo)

    def table(self, name: str) -> Table:
        """Return one dict for each task: index, parameters, state, cause, exit_code, seconds, peak_memory, files, out.*

        The returned list is shown as a table in a notebook. Values that are too large for the queue are read from the
        results.
        """
        return Table(records(self._backends, self.job(name)))

    def iter(self, job: Job | str) -> Iterator[dict[str, Any]]:
        """Yield each row of a job as soon as it has ended: one dict like those of `table`, in the order of the ends.

        Start missing consumers, and stop once the job has ended or is held. Failed and killed rows are yielded like
        others; `row["state"]` distinguishes them. Each row is yielded once, even if a reset runs the row again. Raises
        the same errors as `watch`.
        """
        ended = EndedRows(self._backends)
        for progress in self.watch(job if isinstance(job, str) else job.name):
            last = progress.job.closing is not None or progress.held
            yield from ended.find(progress.job, progress.counts, last=last)

    def rows_csv(self, name: str, *, state: str | None = None) -> Iterator[str]:
        """Yield the rows of a job as CSV text that a sweep can read again. Raises ParametersError."""
        return rows_csv(self._backends, self.job(name), state=state)

    def fetch(
        self, name: str, dest: Path | str, *, force: bool = False, indexes: Container[int] | None = None,
        state: str | None = None, globs: Sequence[str] = (), progress: Tell | None = None, replaces: str = "",
        flat: str | None = None, layout: str | None = None, streams: Streams | None = Streams.ALL,
    ) -> fetching.Fetched:  # fmt: skip
        """Fetch results into `dest`/{index}/ and `dest`/results.csv; `dest` is a folder or a URL of a store.

        `indexes` and `state` ("ok" or "failed") select tasks (default: all tasks that have ended). `globs` selects
        files (default: all). `streams` selects stdout and stderr: ALL, FILLED (those that are not empty) or NONE. With
        None, the destination and the layout decide. `layout`: path of each task's folder, for example "{lr}/{seed}".
        `flat`: name of each file in one folder, for example "{lr}-{seed}-{name}". `progress`: function that is called
        with the number of fetched tasks and the size of their files. `replaces`: uid of an earlier job that the job
        `name` has replaced. The files of the earlier job in `dest` are deleted. Raises UserError for a layout that
        gives two files one path. Raises DestinationError.
        """
        choice = fetching.Choice(indexes, state, tuple(globs), streams, choose_layout(flat, layout))
        return fetching.fetch(
            self._backends, self.job(name), expand_home(dest), force=force, replaces=replaces, choice=choice,
            progress=progress,
        )  # fmt: skip

    def check_destination(self, dest: Path | str, name: str, *, force: bool = False) -> str:
        """Check, before a job is submitted as `name`, that its results can be fetched into `dest`.

        Return the uid of the job that now has this name, or an empty text if no job has this name. Pass the result to
        `fetch` as `replaces`. Raises DestinationError, StorageError.
        """
        return fetching.check_destination(self._backends, expand_home(dest), name, force=force)

    def collect(self, name: str, dest: Path | str, *, infer: bool = False) -> CollectedTable:
        """Write the whole table to `dest`, a .csv or .parquet file. Raises UserError, DestinationError, MissingExtra.

        `infer`: True to turn parameters that look like numbers into numbers; otherwise they stay text. Values that are
        too large for the queue are read from the results. Raises StorageError if the results of some tasks are damaged.
        The table is then written without these results, and the error names the tasks.
        """
        return collect(self._backends, self.job(name), expand_home(dest), infer=infer)

    def print_table(self, name: str, stream: BinaryIO, *, infer: bool = False) -> None:
        """Write the whole table as CSV to an open binary stream. `infer` and errors: see `collect`."""
        print_table(self._backends, self.job(name), stream, infer=infer)

    def frame(self, name: str, *, infer: bool = False) -> Any:
        """Return the whole table as a pandas DataFrame. Raises MissingExtra, StorageError.

        Parameters that were given from Python have their types; parameters from a CSV file are text. `infer`: True
        turns text columns with only numbers into numbers, by the rule of `collect`. A column with a leading zero, a
        plus sign or more than 15 digits stays text.
        """
        return frame(self._backends, self.job(name), infer=infer)

    def report(self, name: str, dest: Path | str) -> None:
        """Write the report of a job in its present state to `dest`, an HTML file. Raises DestinationError."""
        progress = self.progress(name)
        write_report(self._backends, progress.job, progress.counts, expand_home(dest))

    def timeline(self, names: Sequence[str], dest: Path | str, *, by: By = By.CONSUMER) -> int:
        """Write the timeline of jobs to `dest`, and return the number of attempts in it.

        `dest`: a file of type .html, .csv, .png, or .json (a Chrome trace). Raises UserError, DestinationError,
        MissingExtra.
        """
        return write_timeline(self._backends, [self.job(name) for name in names], expand_home(dest), by=by)
