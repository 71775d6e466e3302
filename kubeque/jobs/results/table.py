"""The table of a job with one line for each task: as results.csv, as dicts, and for output on a terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

from kubeque.files.layout import attempt_number, table_url
from kubeque.files.rows.row_pages import PageReader
from kubeque.jobs.backends import Backends
from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.task import KEPT_ATTEMPTS, TaskState, TaskView
from kubeque.model.rows.column_names import FACTS, out_column, out_of, parameter_column, parameter_of
from kubeque.model.rows.rows import INDEX, read_row
from kubeque.model.text import cut, printable

#: Maximum length of the row's values in the `repr` of a task, characters.
_SHOWN_VALUES = 80

#: Columns by which running tasks are sorted, as `status --tasks` prints them without and with `--json`. The value is
#: the sign of the start time: a task that started later has run for less time.
RUNNING = {"running for": -1, "running.since": 1}


@dataclass(frozen=True, slots=True, repr=False)
class TaskRow:
    """One task with its row."""

    view: TaskView
    #: The row's values by column.
    row: dict[str, str]

    def __repr__(self) -> str:
        values = "".join(f", {name}={printable(value)}" for name, value in self.row.items() if name != INDEX)
        return f"TaskRow({self.view.index}, {self.view.state.value}{cut(values, _SHOWN_VALUES)})"

    def facts(self) -> dict[str, Any]:
        """Return the facts of the task: a dict from each column in FACTS to its value. A missing value is None."""
        outcome = self.view.record.outcome
        ended = outcome if self.view.state.has_outcome else None
        explained = outcome if self.view.state.has_outcome or self.view.is_row_killed else None
        return {
            "state": self.view.state.value,
            "cause": str(ended.cause) if ended else Cause.KILLED.value if self.view.state is TaskState.KILLED else None,
            "exit_code": ended.code if ended else None,
            "attempts": self._attempts(),
            "seconds": round(ended.seconds, 3) if ended else None,
            "peak_memory": ended.peak_memory or None if ended else None,
            "files": ended.files if ended else None,
            "bytes": ended.size if ended else None,
            "message": explained.message or None if explained else None,
        }

    def _attempts(self) -> int:
        """Return the number of ended attempts. Attempts that were reserved but not started do not count.

        For a linked task, return the number of the attempt that made the result, because the other facts of the task
        are also those of this attempt.
        """
        record = self.view.record
        if self.view.state.has_outcome and record.outcome is not None and record.outcome.linked:
            return attempt_number(record.outcome.folder) or 1
        return len(record.history) if len(record.history) < KEPT_ATTEMPTS else record.attempts

    def parameters(self) -> dict[str, str]:
        """Return the parameters as a dict from the column of the table to the value."""
        return {parameter_column(name): value for name, value in self.row.items() if name != INDEX}

    @property
    def out(self) -> dict[str, Any]:
        """Return the values that the task wrote to $KUBEQUE_OUT and that the queue stores."""
        outcome = self.view.record.outcome
        return dict(outcome.shown_out) if outcome and self.view.state is TaskState.OK else {}

    def value(self, column: str) -> Any:
        """Return the value of one column of `as_record`; None if the task has no such value."""
        if (name := out_of(column)) is not None:
            return self.out.get(name)
        if column in FACTS:
            return self.facts()[column]
        if column == INDEX:
            return self.view.index
        parameter = parameter_of(column)
        if column in RUNNING and column not in self.row:
            running = self.view.running
            return None if running is None else RUNNING[column] * running.since
        return None if parameter is None else self.row.get(parameter)

    def as_record(self) -> dict[str, Any]:
        """Return index, parameters, facts and $KUBEQUE_OUT values as one dict.

        The names of the $KUBEQUE_OUT values begin with `out.`.
        """
        out = {out_column(key): value for key, value in self.out.items()}
        return {INDEX: self.view.index, **self.parameters(), **self.facts(), **out}


def lines(backends: Backends, job: Job, *, state: str | None = None, first: int = 0) -> Iterator[TaskRow]:
    """Yield the tasks in `state` (None: all tasks) from index `first` on, in order, each with its row.

    Only a few blocks and pages are in memory at a time. Pages without a selected row are not read.
    """
    spec = backends.spec(job).rows
    page = PageReader(job.url, backends.files, spec.pages)
    for view in backends.queue.tasks(job, first=first):
        if state in (None, view.state):
            yield TaskRow(view, read_row(spec, view.index, page.page))


def notes(backends: Backends, job: Job, count: int) -> tuple[int, list[tuple[int, str]]]:
    """Return the number of ok tasks that have a message, and the first `count` pairs of index and message.

    A message says, for example, that the values of the task cannot be read.
    """
    found, first = 0, list[tuple[int, str]]()
    for view in backends.queue.tasks(job):
        outcome = view.record.outcome
        if view.state is TaskState.OK and outcome is not None and outcome.message:
            found += 1
            if len(first) < count:
                first.append((view.index, outcome.message))
    return found, first


def read_rows(backends: Backends, job: Job, indexes: Iterable[int]) -> dict[int, dict[str, str]]:
    """Return the rows of some tasks, keyed by index. Each page is read once."""
    spec = backends.spec(job).rows
    page = PageReader(job.url, backends.files, spec.pages).page
    return {index: read_row(spec, index, page) for index in sorted(indexes)}


def write_table(backends: Backends, job: Job, found: Sequence[TaskRow]) -> None:
    """Store the table of this run of `job`, if it is not stored yet. Raises StorageError."""
    backends.files.write_new(table_url(job), to_csv(found))


def to_csv(found: Sequence[TaskRow]) -> bytes:
    """Return the table as CSV with the columns index, parameters, facts and out.*."""
    columns = list(found[0].parameters() if found else {})
    outs = _out_columns(found)
    header = [INDEX, *columns, *FACTS, *map(out_column, outs)]
    rows = (
        [line.view.index, *line.parameters().values(), *line.facts().values(), *(out.get(o) for o in outs)]
        for line in found
        for out in (line.out,)
    )
    file = io.BytesIO()
    write_csv(file, header, rows)
    return file.getvalue()


def write_csv(file: BinaryIO, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table as CSV in UTF-8, with true and false in lower case and an empty cell for None."""
    text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    text.flush()
    text.detach()


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _out_columns(found: Iterable[TaskRow]) -> list[str]:
    names: dict[str, None] = {}
    for line in found:
        names.update(dict.fromkeys(line.out))
    return list(names)
