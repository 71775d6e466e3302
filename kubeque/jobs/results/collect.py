"""`kubeque collect`: write the table of a job as one CSV or Parquet file, with all values that the tasks wrote."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from kubeque.files.layout import result_url
from kubeque.files.output import check_file, uses_temporary_files, write_file
from kubeque.files.parallel import SMALL_READS, in_parallel
from kubeque.jobs.backends import Backends
from kubeque.jobs.results.result_manifest import read_out_values
from kubeque.jobs.results.table import TaskRow, lines, read_rows, write_csv
from kubeque.jobs.results.unreadable_files import name_faults
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import FileError, MissingExtra, StorageError, UserError
from kubeque.model.job.job import Job
from kubeque.model.job.task import TaskState, TaskView
from kubeque.model.rows.column_names import out_column, out_of, parameter_column
from kubeque.model.rows.column_types import Column, ValueType, is_int64, read_text
from kubeque.model.rows.rows import RowsSpec, read_values
from kubeque.model.rows.table_columns import TableColumns
from kubeque.model.wording import code

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CollectedTable:
    """The result of a collect."""

    #: Path or URL of the table; "the table" if it was written to a stream.
    dest: str
    rows: int
    columns: tuple[Column, ...]
    #: Notes about parameters that stay text although types were inferred, one sentence each.
    notes: tuple[str, ...] = ()


#: Rows of the table. Each row is a list of values in the order of the columns.
Values = Iterator[list[Any]]
#: Errors of the tasks whose values cannot be read, by the index of the task.
Faults = dict[int, FileError]


def collect(backends: Backends, job: Job, dest: Path | str, *, infer: bool = False) -> CollectedTable:
    """Write the table of `job` to `dest`, a .csv or .parquet file. Only a few rows are in memory at a time.

    `infer`: True to convert a parameter column to numbers or booleans if all its values are numbers, or all are true or
    false. Other parameter columns stay text. In a .parquet file, values that were submitted from Python keep their
    types.

    Raises DestinationError, MissingExtra. Raises UserError if `dest` has a different ending. Raises StorageError at
    once if the store fails. If only the values of some tasks cannot be read, raises StorageError after the table is
    written without these values.
    """
    check_ending(dest)
    writer = _WRITERS[Path(dest).suffix.lower()]
    check_file(backends.files, dest)
    with _spool() as spool:
        table, faults = _gather(backends, job, str(dest), spool, infer=infer, typed=writer is _parquet)
        write_file(backends.files, dest, lambda file: writer(file, table.columns, _read(spool, table.columns)))
    _check_faults(job, table, faults)
    return table


def print_table(backends: Backends, job: Job, stream: BinaryIO, *, infer: bool = False) -> CollectedTable:
    """Write the table of `job` as CSV to an open stream. `infer` and errors: see `collect`."""
    with _spool() as spool:
        table, faults = _gather(backends, job, "the table", spool, infer=infer, typed=False)
        _csv(stream, table.columns, _read(spool, table.columns))
    _check_faults(job, table, faults)
    return table


@contextmanager
def _spool() -> Iterator[TextIO]:
    """Return a context manager for a temporary file. Errors of the temporary folder are raised as StorageError."""
    with uses_temporary_files():
        spool = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115, because closing fails on a full disk
    try:
        yield spool
    finally:
        with suppress(OSError):  # `_gather` has raised the error of a full disk
            spool.close()


def _check_faults(job: Job, table: CollectedTable, faults: Faults) -> None:
    """Raise StorageError if the values of some tasks cannot be read."""
    if faults:
        raise StorageError(
            f"{table.dest} is written with {table.rows} rows, without the values of {_name(faults)}; "
            f"{code('reset', job.name, 'all')} runs all tasks again"
        )


def check_ending(dest: Path | str) -> None:
    """Raise UserError if the ending of `dest` is neither .csv nor .parquet."""
    if Path(dest).suffix.lower() not in _WRITERS:
        raise UserError(f"{dest}: a table is written as {' or '.join(_WRITERS)}: choose one of these endings")


def frame(backends: Backends, job: Job, *, infer: bool = False) -> Any:
    """Return the table as a pandas DataFrame. `infer`: see `collect`. Raises MissingExtra, StorageError."""
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtra(f"a DataFrame needs pandas ({error}): pip install 'kubeque[table]'") from error
    found, spec = records(backends, job), backends.spec(job)
    rows = spec.rows
    texts = map(parameter_column, _text_columns(rows) if infer else ())
    inferred = [column for column in texts if _infer_column(found, column)]
    table = pd.DataFrame(found)
    outs = [name for name in table.columns if out_of(name) is not None]
    for column in [*map(parameter_column, _mixed(rows)), *inferred, *outs]:
        # For a missing value, a command gets an empty text, and a function gets None.
        gaps = (None,) if column in outs or spec.function else (None, "")
        values = [row.get(column) for row in found]
        missing = [isinstance(value, str | None) and value in gaps for value in values]
        empty = "float64" if column in outs and all(missing) else ""  # as in Parquet, see `TableColumns`
        if dtype := empty or _dtype_with_gaps(values, missing):
            # pandas converts integers to floats if the column contains None, unless the dtype is object.
            exact = pd.Series(values, index=table.index, dtype=object)
            table[column] = exact.mask(missing, None).astype(dtype)
    return table


def _text_columns(rows: RowsSpec) -> list[str]:
    """Return the columns in which all values were submitted as text."""
    return [name for name, types in zip_longest(rows.columns, rows.types, fillvalue="") if not types]


def _infer_column(found: Sequence[dict[str, Any]], name: str) -> bool:
    """Convert a column of the rows `found` in place if all its values are numbers, or all are true or false.

    Return True if the column was converted and some values are missing.
    """
    column = Column("param", name, name)
    for row in found:
        column = column.widen(read_text(row[name]))
    if column.kind in (ValueType.TEXT, ValueType.EMPTY):
        return False
    for row in found:
        row[name] = column.convert(row[name])
    return any(row[name] is None for row in found)


def _mixed(rows: RowsSpec) -> set[str]:
    """Return the columns in which values of different types were submitted, for example numbers and missing values."""
    return {name for name, types in zip(rows.columns, rows.types, strict=False) if len(types) > 1}


def _dtype_with_gaps(values: Sequence[Any], missing: Sequence[bool]) -> str:
    """Return the pandas dtype of a column in which some values are missing; empty if the dtype need not be set.

    `missing`: True for each missing value. A dtype is returned only if all other values have the same type.
    """
    present = [value for value, gap in zip(values, missing, strict=True) if not gap]
    kinds = {type(value) for value in present}
    if len(present) == len(values) or len(kinds) != 1:
        return ""
    kind: type = kinds.pop()
    if kind is int and not all(map(is_int64, present)):
        return "object"
    return {bool: "boolean", int: "Int64", float: "float64"}.get(kind, "")


def records(backends: Backends, job: Job) -> list[dict[str, Any]]:
    """Return the rows of the table as dicts. Parameters have the Python types with which they were submitted.

    Values that cannot be read are left out, and the indexes of their tasks are logged. Raises StorageError if the store
    fails.
    """
    rows = backends.spec(job).rows
    faults: Faults = {}
    table = [_to_record(rows, line, out) for line, out in whole_lines(backends, job, lines(backends, job), faults)]
    _log_faults(job, faults)
    return table


def records_of(backends: Backends, job: Job, views: Sequence[TaskView]) -> list[dict[str, Any]]:
    """Return the rows of some tasks as dicts, in the order of `views`. Values and errors: see `records`."""
    rows = backends.spec(job).rows
    by_index = read_rows(backends, job, [view.index for view in views])
    faults: Faults = {}
    chosen = (TaskRow(view, by_index[view.index]) for view in views)
    table = [_to_record(rows, line, out) for line, out in whole_lines(backends, job, chosen, faults)]
    _log_faults(job, faults)
    return table


def _to_record(rows: RowsSpec, line: TaskRow, out: Mapping[str, Any]) -> dict[str, Any]:
    return {**_as_given(rows, line).as_record(), **{out_column(name): value for name, value in out.items()}}


def _log_faults(job: Job, faults: Faults) -> None:
    if faults:
        log.warning("%s: the table does not contain the values of %s", job.name, _name(faults))


def _as_given(rows: RowsSpec, line: TaskRow) -> TaskRow:
    """Return a line with each parameter converted to the Python type with which it was submitted."""
    return replace(line, row=read_values(rows, line.view.index, line.row)) if rows.types else line


def whole_lines(
    backends: Backends, job: Job, tasks: Iterable[TaskRow], faults: Faults
) -> Iterator[tuple[TaskRow, dict[str, Any]]]:
    """Yield each task with all values that it wrote. Values that the queue does not store are read from the store.

    If the values of a task cannot be read, the error is added to `faults`, and the task is yielded without values.
    Raises StorageError if the store fails.
    """

    def whole(line: TaskRow) -> tuple[TaskRow, dict[str, Any]]:
        outcome = line.view.record.outcome
        if line.view.state is not TaskState.OK or outcome is None or outcome.out != {}:
            return line, line.out
        url = result_url(job, outcome)
        try:
            return line, read_out_values(backends.files, url) if url else {}
        except FileError as error:
            faults[line.view.index] = error
            return line, {}

    return in_parallel(whole, tasks, threads=SMALL_READS)


def _name(faults: Faults) -> str:
    return name_faults([(index, str(faults[index])) for index in sorted(faults)])


@uses_temporary_files()
def _gather(
    backends: Backends, job: Job, dest: str, spool: TextIO, *, infer: bool, typed: bool
) -> tuple[CollectedTable, Faults]:
    """Write the rows to `spool` as JSON lines. Return the table with the types of its columns, and the errors.

    `infer`: True to derive types from the text of parameters. `typed`: True to use the types that were submitted.
    """
    spec = backends.spec(job)
    rows = spec.rows
    columns = TableColumns(infer=infer, typed=typed, mixed=_mixed(rows) if typed and not spec.function else set())
    faults: Faults = {}
    count = 0
    for line, out in whole_lines(backends, job, lines(backends, job), faults):
        count += 1
        row = _as_given(rows, line).row if typed else line.row
        values: dict[str, Any] = {name: value for name, value in row.items() if name != "index"}
        spool.write(json.dumps([line.view.index, values, line.facts(), out]) + "\n")
        columns.add(line.view.index, values, out)
    spool.flush()
    return CollectedTable(dest, count, columns.all(), tuple(columns.notes())), faults


def _read(spool: TextIO, columns: tuple[Column, ...]) -> Values:
    spool.seek(0)
    for text in spool:
        index, values, facts, out = json.loads(text)
        sources = {"index": {"index": index}, "param": values, "fact": facts, "out": out}
        yield [column.convert(sources[column.source].get(column.name)) for column in columns]


def _csv(file: BinaryIO, columns: tuple[Column, ...], rows: Values) -> None:
    write_csv(file, [column.shown for column in columns], rows)


def _parquet(file: BinaryIO, columns: tuple[Column, ...], rows: Values) -> None:
    from kubeque.files.rows.parquet import write

    write(file, columns, rows)


_WRITERS: dict[str, Callable[[BinaryIO, tuple[Column, ...], Values], None]] = {".parquet": _parquet, ".csv": _csv}
