"""Find the tasks of a job that a selection of rows selects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile

from kubeque.files.rows.row_pages import PageReader
from kubeque.jobs.backends import Backends
from kubeque.jobs.results.table import TaskRow
from kubeque.model.errors import UserError
from kubeque.model.job.job import Job
from kubeque.model.job.row_selection import RowSelection
from kubeque.model.job.task import TaskView
from kubeque.model.rows.column_names import FACTS, out_column, out_of, parameter_column
from kubeque.model.rows.rows import INDEX, read_row
from kubeque.model.suggestions import suggest
from kubeque.model.wording import option


def select_tasks(
    backends: Backends, job: Job, selection: RowSelection, show: Callable[[TaskView], TaskView] = lambda view: view
) -> Iterator[TaskView]:
    """Yield the selected tasks in order. The rows are read only if `selection` has conditions.

    `show`: function that is applied to the view of each task before the selection.

    Raises UserError for an index or a column that the job does not have. Raises UserError after the last task if a
    condition has an `out.` column and no task has a value in this column. Raises StorageError.
    """
    if selection.where:
        return (line.view for line in select_rows(backends, job, selection, show=show))
    return _find_views(backends, job, selection, 0, show)


def select_rows(
    backends: Backends, job: Job, selection: RowSelection, *, first: int = 0,
    show: Callable[[TaskView], TaskView] = lambda view: view,
) -> Iterator[TaskRow]:  # fmt: skip
    """Yield the selected tasks from index `first` on, in order, each with its row.

    `show`: see `select_tasks`.

    A page of rows is read only if a task on it may be selected. Raises the errors of `select_tasks`.
    """
    spec = backends.spec(job).rows
    outs = _check_columns(selection, [INDEX, *map(parameter_column, spec.columns), *FACTS])
    views = _find_views(backends, job, selection, first, show)
    page = PageReader(job.url, backends.files, spec.pages).page
    return _filter((TaskRow(view, read_row(spec, view.index, page)) for view in views), selection, outs)


def _find_views(
    backends: Backends, job: Job, selection: RowSelection, first: int, show: Callable[[TaskView], TaskView]
) -> Iterator[TaskView]:
    """Return the tasks with a selected index and state. Raises UserError for an index that the job does not have."""
    selection.check(job)
    if selection.indexes is not None:
        first = max(first, selection.indexes.first)
    views = backends.queue.tasks(job, first=first)
    if selection.indexes is not None:
        last = selection.indexes.last
        views = takewhile(lambda view: view.index <= last, views)
    return (view for view in map(show, views) if selection.may_have(view.index, view.state))


def _filter(lines: Iterator[TaskRow], selection: RowSelection, outs: Sequence[str]) -> Iterator[TaskRow]:
    """Yield the lines that meet the conditions of `selection`.

    Raises UserError after the last line if a column of `outs` is in no line.
    """
    seen: dict[str, None] = {}
    for line in lines:
        seen.update(dict.fromkeys(map(out_column, line.out)) if outs else ())
        if all(condition.holds(line.value(condition.column)) for condition in selection.where):
            yield line
    for name in outs:
        if name not in seen:
            hint = suggest(name, seen, "columns") if seen else "no selected task wrote values to $KUBEQUE_OUT"
            raise UserError(f"{option('where')}: no selected task has {name!r}: {hint}")


def _check_columns(selection: RowSelection, known: Sequence[str]) -> list[str]:
    """Return the `out.` columns of the conditions. Raises UserError for any other column that is not in `known`."""
    outs = []
    for condition in selection.where:
        if out_of(condition.column) is not None:
            outs.append(condition.column)
        elif condition.column not in known:
            hint = suggest(condition.column, known, "columns")
            raise UserError(
                f"{option('where', str(condition))}: the column {condition.column!r} does not exist: {hint}"
            )
    return outs
