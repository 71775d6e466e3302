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
        """Yield the tasks with an index of at least `first`, with their rows, in the order of the indexes.

        `rows`: yield only the selected tasks, for example `RowSelection.parse("3,5-9", ["lr>0.1"])`. `state`: yield
        only tasks in this state; it replaces the states that `rows` selects. Raises UserError for an index or a column
        that the job does not have.
        """
        chosen = replace(rows, states=(state,)) if state is not None else rows
        return select_rows(self._backends, self.job(name), chosen, first=first)

    def ranked(
        self, name: str, column: str, *, top: int | None = None, descending: bool = False, state: str | None = None,
        rows: RowSelection = ALL_ROWS,
    ) -> list[TaskRow]:  # fmt: skip
        """Sort tasks by a column of the table, and return the first `top` of them (None: all).

        Numbers precede text, and tasks without a value come last. `state`, `rows`: tasks to sort; see `lines`. Raises
        UserError for a column that the table does not have.
        """
        return rank_tasks(self.lines(name, state=state, rows=rows), column, top=top, descending=descending)

    def notes(self, name: str, count: int = 3) -> tuple[int, list[tuple[int, str]]]:
        """Return the number of ok tasks with a message, and the first `count` pairs of index and message.

        A message reports, for example, that files of the task were not kept.
        """
        return table.notes(self._backends, self.job(name), count)

    def newest_failures(self, name: str, count: int) -> list[TaskRow]:
        """Return the `count` tasks that failed last, the newest first."""
        return newest_failures(self._backends, self.job(name), count)

    def unsent_module(
        self, job: Job, messages: Iterable[str], *, folders: Sequence[Path] = (), base: Path | None = None
    ) -> str:
        """Return the value of `push` that uploads the first Python module or file that tasks of a job did not find.

        Return an empty text if this machine has no such module and no such file.

        `messages`: messages of failed tasks. `folders`: folders to search first. `base`: folder against which relative
        paths of the submission are resolved; None for the folder that this machine recorded. Raises StorageError.
        """
        return find_unsent_module(self._backends, job, messages, folders, base)

    def longest_running(self, name: str, count: int) -> list[TaskRow]:
        """Return the `count` tasks that have been running for the longest time, the longest first."""
        return longest_running(self._backends, self.job(name), count)

    def most_retried(self, name: str, count: int) -> list[TaskRow]:
        """Return the `count` unfinished tasks with the most failed attempts, in descending order."""
        return most_retried(self._backends, self.job(name), count)

    def replay(self, name: str, index: int, folder: Path | str | None = None, *, echo: bool = True) -> Replayed:
        """Run a task again on this machine. Return the new outcome and its comparison with the recorded outcome.

        `folder`: new folder in which the command runs; None for a folder below the current folder. The folder is kept.
        `echo`: True to copy the streams of the task to standard error. Raises UserError.
        """
        return replay(self._backends, name, index, Path(folder) if folder is not None else None, echo=echo)

    def table(self, name: str) -> Table:
        """Return the table of a job: a list with one dict for each task. A notebook shows the list as a table.

        The keys are `index`, the parameters, `state`, `cause`, `exit_code`, `attempts`, `seconds`, `peak_memory`,
        `files`, `bytes`, `message` and `out.*`. Values that are too large for the queue are read from the results.
        """
        return Table(records(self._backends, self.job(name)))

    def iter(self, job: Job | str) -> Iterator[dict[str, Any]]:
        """Yield each row of a job soon after the row has ended, as a dict like those of `table`.

        Start missing consumers. Stop after the job has ended or is held. Failed and killed rows are yielded, too;
        `row["state"]` is the state of the row. Each row is yielded once, even if a reset runs the row again. Raises
        the same errors as `watch`.
        """
        ended = EndedRows(self._backends)
        for progress in self.watch(job if isinstance(job, str) else job.name):
            last = progress.job.closing is not None or progress.held
            yield from ended.find(progress.job, progress.counts, last=last)

    def rows_csv(self, name: str, *, state: str | None = None) -> Iterator[str]:
        """Yield the rows of a job as lines of CSV, the header first. Another sweep can read these lines.

        `state`: only the rows of tasks in this state (None: all). Raises ParametersError if the rows have no columns.
        """
        return rows_csv(self._backends, self.job(name), state=state)

    def fetch(
        self, name: str, dest: Path | str, *, force: bool = False, indexes: Container[int] | None = None,
        state: str | None = None, globs: Sequence[str] = (), progress: Tell | None = None, replaces: str = "",
        flat: str | None = None, layout: str | None = None, streams: Streams | None = Streams.ALL,
    ) -> fetching.Fetched:  # fmt: skip
        """Fetch the results of a job into `dest`, a folder or a URL of a store.

        The files of each task go to `dest`/{index}/, and the table of the job to `dest`/results.csv. Return the numbers
        of fetched tasks and files.

        `indexes` and `state` ("ok" or "failed") select tasks (default: all tasks that have ended). `globs` selects
        files (default: all). `streams` selects stdout and stderr: ALL, FILLED (those that are not empty) or NONE. If
        `streams` is None, the destination and the layout decide. `layout`: path of each task's folder, for example
        "{lr}/{seed}". `flat`: name of each file in one folder, for example "{lr}-{seed}-{name}". `progress`: function
        that is called with the number of fetched tasks and the size of their files. `replaces`: uid of an earlier job
        that the job `name` has replaced. The files of the earlier job in `dest` are deleted. `force`: True to accept a
        `dest` that holds other files. Raises UserError for a layout that gives two files one path. Raises
        DestinationError.
        """
        choice = fetching.Choice(indexes, state, tuple(globs), streams, choose_layout(flat, layout))
        return fetching.fetch(
            self._backends, self.job(name), expand_home(dest), force=force, replaces=replaces, choice=choice,
            progress=progress,
        )  # fmt: skip

    def check_destination(self, dest: Path | str, name: str, *, force: bool = False) -> str:
        """Check, before a job is submitted as `name`, that its results can be fetched into `dest`.

        Return the uid of the job that has this name before the submission, or an empty text if no job has this name.
        Pass the result to `fetch` as `replaces`. `force`: True to accept a `dest` that holds other files. Raises
        DestinationError, StorageError.
        """
        return fetching.check_destination(self._backends, expand_home(dest), name, force=force)

    def collect(self, name: str, dest: Path | str, *, infer: bool = False) -> CollectedTable:
        """Write the whole table of a job to `dest`, a .csv or .parquet file. Return its path, row count and columns.

        `infer`: True to convert a parameter column to numbers or booleans if all its values are numbers, or all are
        true or false. Other parameter columns stay text, and `notes` of the result has the reasons. Values that are too
        large for the queue are read from the results. If the results of some tasks are damaged, the table is written
        without these results. Then StorageError is raised; its message names these tasks. Raises UserError,
        DestinationError, MissingExtra.
        """
        return collect(self._backends, self.job(name), expand_home(dest), infer=infer)

    def print_table(self, name: str, stream: BinaryIO, *, infer: bool = False) -> CollectedTable:
        """Write the whole table of a job as CSV to an open binary stream. `infer` and errors: see `collect`."""
        return print_table(self._backends, self.job(name), stream, infer=infer)

    def frame(self, name: str, *, infer: bool = False) -> Any:
        """Return the whole table of a job as a pandas DataFrame. Raises MissingExtra, StorageError.

        Parameters that were submitted from Python keep their types; parameters from a CSV file are text. `infer`: True
        to convert a text column to numbers or booleans if all its values are numbers, or all are true or false. A
        column stays text if a value has a leading zero or a plus sign. It also stays text if a value has more than 15
        digits, unless the value is a float exactly as Python writes it.
        """
        return frame(self._backends, self.job(name), infer=infer)

    def report(self, name: str, dest: Path | str) -> None:
        """Write the report of a job in its present state to `dest`, an HTML file. Raises DestinationError."""
        progress = self.progress(name)
        write_report(self._backends, progress.job, progress.counts, expand_home(dest))

    def timeline(self, names: Sequence[str], dest: Path | str, *, by: By = By.CONSUMER) -> int:
        """Write the timeline of jobs to `dest`, and return the number of attempts in the timeline.

        `dest`: a file of type .html, .csv, .png, or .json (a Chrome trace). `by`: whether each consumer, each task or
        each job has its own lane. Raises UserError, DestinationError, MissingExtra.
        """
        return write_timeline(self._backends, [self.job(name) for name in names], expand_home(dest), by=by)
