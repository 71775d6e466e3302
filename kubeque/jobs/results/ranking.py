"""Sort the tasks of a job by one column. The needed memory depends only on the requested number of tasks."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, Generic, TypeVar

from kubeque.files.rows.row_pages import PageReader
from kubeque.jobs.backends import Backends
from kubeque.jobs.results.table import RUNNING, TaskRow
from kubeque.model.errors import UserError
from kubeque.model.job.job import Job
from kubeque.model.job.task import TaskState, TaskView
from kubeque.model.rows.column_names import FACTS, out_column, out_of
from kubeque.model.rows.conditions import read_number
from kubeque.model.rows.rows import INDEX, read_row
from kubeque.model.suggestions import suggest_column
from kubeque.model.wording import option

Kept = TypeVar("Kept")
#: Number of lines by which a bucket may exceed its limit before it is sorted and cut.
_SLACK = 1000


def rank_tasks(
    lines: Iterable[TaskRow], column: str, *, top: int | None = None, descending: bool = False
) -> list[TaskRow]:
    """Return the first `top` lines (None: all lines), sorted by a column of the table.

    Numbers are first, and are compared as numbers, even if they are texts from a CSV file. Other texts follow. Lines
    without a value are last, even in descending order. Raises UserError, with a list of the columns, if `column` does
    not exist.
    """
    return _rank(lines, column, lambda line: line, top, descending)


def rank_indexes(lines: Iterable[TaskRow], column: str, *, descending: bool) -> list[int]:
    """Return the indexes of lines, sorted as by `rank_tasks`. Lines are not kept in memory. Raises UserError."""
    return _rank(lines, column, lambda line: line.view.index, None, descending)


def _rank(
    lines: Iterable[TaskRow], column: str, keep: Callable[[TaskRow], Kept], top: int | None, descending: bool
) -> list[Kept]:
    numbers, texts = _Bucket[Kept](top, descending=descending), _Bucket[Kept](top, descending=descending)
    missing = _Bucket[Kept](top, descending=False)
    seen: dict[str, None] = {}
    for line in lines:
        if not seen:
            seen.update(dict.fromkeys((INDEX, *line.parameters(), *FACTS)))
        seen.update(dict.fromkeys(map(out_column, line.out)))
        value = line.value(column)
        number = read_number(value)
        if number is not None:
            numbers.add(number, keep(line))
        elif value is None:
            missing.add(line.view.index, keep(line))
        else:
            texts.add(str(value), keep(line))
    if seen and column not in seen and column not in RUNNING:
        columns = f"the columns are {', '.join(_known(seen))}{suggest_column(column, seen)}"
        raise UserError(f"{option('sort', column)}: the column {column!r} does not exist: {columns}")
    found = [*numbers.sorted(), *texts.sorted(), *missing.sorted()]
    return found[:top]


def _known(seen: Iterable[str]) -> list[str]:
    outs = [name for name in seen if out_of(name) is not None]
    return [*(name for name in seen if name not in outs and name not in FACTS), *FACTS, *outs]


class _Bucket(Generic[Kept]):
    """A container that sorts its items by a key, and keeps only the first `top` items (None: all items)."""

    def __init__(self, top: int | None, *, descending: bool) -> None:
        self._top = top
        self._descending = descending
        self._held: list[tuple[Any, Kept]] = []

    def add(self, key: float | str, item: Kept) -> None:
        self._held.append((key, item))
        if self._top is not None and len(self._held) > self._top + _SLACK:
            self._held = self._first()

    def _first(self) -> list[tuple[Any, Kept]]:
        return sorted(self._held, key=itemgetter(0), reverse=self._descending)[: self._top]

    def sorted(self) -> list[Kept]:
        return [item for _, item in self._first()]


def newest_failures(backends: Backends, job: Job, count: int) -> list[TaskRow]:
    """Return the `count` tasks that failed last, newest first. Reads all blocks, but only the rows of these tasks."""
    failed = (view for view in backends.queue.tasks(job) if view.state is TaskState.FAILED)
    rows = backends.spec(job).rows
    page = PageReader(job.url, backends.files, rows.pages).page
    return [TaskRow(view, read_row(rows, view.index, page)) for view in heapq.nlargest(count, failed, key=_ended_at)]


def longest_running(backends: Backends, job: Job, count: int) -> list[TaskRow]:
    """Return the `count` tasks that have been running for the longest time, the longest first.

    Reads the leased blocks, but only the rows of these tasks. A consumer of an older version does not record which task
    runs, so its tasks are left out.
    """
    running = sorted(backends.queue.running(job), key=_began_at)[:count]
    rows = backends.spec(job).rows
    page = PageReader(job.url, backends.files, rows.pages).page
    return [TaskRow(view, read_row(rows, view.index, page)) for view in running]


def most_retried(backends: Backends, job: Job, count: int) -> list[TaskRow]:
    """Return the `count` unfinished tasks with the most attempts that were charged to a budget, in descending order."""
    found = heapq.nlargest(count, backends.queue.retried(job), key=lambda view: sum(view.record.charges.values()))
    rows = backends.spec(job).rows
    page = PageReader(job.url, backends.files, rows.pages).page
    return [TaskRow(view, read_row(rows, view.index, page)) for view in found]


def _began_at(view: TaskView) -> float:
    return view.running.since if view.running else 0.0


def _ended_at(view: TaskView) -> float:
    outcome = view.record.outcome
    return outcome.start + outcome.seconds if outcome else 0.0
