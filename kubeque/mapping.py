"""`kubeque.map`: run a Python function over rows, from a notebook or a script, and return a table."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from kubeque.client import Client, Existing, Progress, absolute_pushes
from kubeque.lazy_dataclass import dataclass
from kubeque.map_frame import restore_columns
from kubeque.map_progress import show_progress
from kubeque.model.command.command import Word
from kubeque.model.errors import JobExists, JobFailed, UserError
from kubeque.model.function.call_function import RETURN_FILE
from kubeque.model.function.function import PROGRAM, FunctionFiles, function_files, source_folder, split_partial
from kubeque.model.job.job import Job
from kubeque.model.rows.parameters import is_frame, to_rows
from kubeque.model.rows.rows import INDEX, Rows
from kubeque.model.stats.failure_groups import Group
from kubeque.model.sweep.sweep import Sweep
from kubeque.model.sweep.sweep_fields import check_names, split_pod
from kubeque.model.text import LINE_CHARACTERS, describe, printable
from kubeque.model.wording import PYTHON, speaking

#: Number of groups of failures that the error describes.
_REASONS = 3

#: Fields of a sweep that the function determines.
_OURS = ("command", "rows", "inputs", "inputs_of_command", "function")


@dataclass(frozen=True, slots=True)
class _Call:
    """The arguments of a call of `kubeque.map`."""

    function: Callable[..., Any]
    rows: Any
    missing: str | None
    columns: Sequence[str] | None
    progress: bool | None
    existing: Existing | str
    #: Options of the sweep and of its pods.
    options: Mapping[str, Any]

    @property
    def source(self) -> Path:
        """Folder of the file with the function."""
        return source_folder(split_partial(self.function)[0])

    @property
    def base(self) -> Path:
        """Folder against which the relative paths of `push` are resolved."""
        return Path(self.options.get("base", ".")).absolute()

    def table(self, client: Client, name: str) -> Any:
        """Return the table of the job: a DataFrame if the rows are a DataFrame, otherwise a list of dicts."""
        if is_frame(self.rows):
            return restore_columns(client.frame(name), self.rows, missing=self.missing)
        return client.table(name)


def map(
    function: Callable[..., Any],
    rows: Rows | Iterable[Mapping[str, object] | Sequence[object]] | Any,
    *,
    name: str | None = None,
    client: Client | None = None,
    missing: str | None = None,
    columns: Sequence[str] | None = None,
    progress: bool | None = None,
    existing: Existing | str = Existing.REFUSE,
    **options: Any,
) -> Any:
    """Run `function(**row)` for each row as a sweep, and return the table of results: one dict per row, in order.

    Only the source of the function is sent, so the function must contain its imports. Each argument gets the value of
    the column with the same name: int, float, bool, None, str, list or dict; a date as ISO text. An annotation of an
    argument converts the value. A `functools.partial` sets arguments for all rows; JSON must be able to represent their
    values. The function returns a dict (columns `out.*`) or one value (column `out.value`). Lists and dicts inside a
    returned dict become JSON text. If `rows` is a DataFrame, the table is a DataFrame with the same index and the same
    types of columns.

    `name`: name of the job (default: a random name). `client`: client to use (default: a new client). `missing`: text
    that replaces None and NaN in `rows`. `columns`: column names if the rows are lists or tuples. `progress`: True to
    show a progress bar, False to hide it, None to show it on a terminal and in a notebook. `existing`: what to do with
    a job of the same name: "refuse" raises JobExists if it is different, "repair" runs only the rows that are not ok,
    "revise" runs failed and changed rows, "replace" runs all rows. `options`: options of `Sweep` and of pods, for
    example `memory="2Gi", consumers=4, gpu=1`.

    Raises UserError for wrong input, before anything is submitted. Raises JobFailed if the job ends without success.
    The message of JobFailed describes the first failures. The attribute `job` of the error is the name of the job, and
    the attribute `table` is the table of all rows. The tracebacks of these errors leave out the internal functions of
    kubeque.
    """
    try:
        with speaking(PYTHON):
            return _map(_Call(function, rows, missing, columns, progress, existing, {"name": name, **options}), client)
    except (UserError, JobFailed) as error:
        raise error.with_traceback(None) from None


def _map(call: _Call, client: Client | None) -> Any:
    """Run a call of `kubeque.map`, and return its table. `client`: client to use; None for a new client."""
    if client is not None and not isinstance(client, Client):
        raise UserError(f"client {describe(client)}: give a kubeque.Client")
    if call.options["name"] is None and call.existing not in (Existing.REFUSE, Existing.REFUSE.value):
        raise UserError(f"existing {describe(call.existing)}: give the name of the existing job as name=")
    with tempfile.TemporaryDirectory() as folder:
        found = to_rows(call.rows, missing=call.missing, columns=call.columns, function=True)
        sweep = function_sweep(call.function, found, Path(folder), call.options)
        opened = client or Client()
        try:
            return _run(opened, sweep, call)
        finally:
            if client is None:
                opened.close()


def _run(client: Client, sweep: Sweep, call: _Call) -> Any:
    """Submit a sweep, wait for its job, and return the table of the job.

    Raises JobFailed, and JobExists for a different job of the same name.
    """
    job: Job | None = None
    try:
        job = client.submit(sweep, existing=call.existing).job
        last = _wait(client, job.name, call.progress)
        if last.job.closing is None or not last.job.closing.success:
            raise _failure(client, last, call)
        return call.table(client, job.name)
    except KeyboardInterrupt as stop:
        if job is not None:
            stop.add_note(
                f"{job.name} goes on: the same call with name={job.name!r} waits for it and returns its table,"
                f" Client().kill({job.name!r}) stops it"
            )
        raise
    except JobExists:
        raise JobExists(
            f"there is a job {describe(sweep.name)} already, with another function, other rows or other options: add"
            ' existing="repair" (run only the rows that are not ok), existing="revise" (run failed and changed rows) or'
            ' existing="replace" (run all rows), give another name, or remove that job with'
            f" Client().remove({describe(sweep.name)})"
        ) from None


def _wait(client: Client, name: str, shown: bool | None) -> Progress:
    """Wait until a job has ended, and return its last progress. `shown`: see `show_progress`."""
    with show_progress(name, shown=shown) as show:
        for progress in client.watch(name):
            show(progress)
    return progress


def function_sweep(function: Callable[..., Any], rows: Rows, folder: Path, options: Mapping[str, Any]) -> Sweep:
    """Return the checked sweep that calls a function for each row. Write the files of its command into `folder`.

    `options`: options of `kubeque.map`, for the sweep and its pods. Raises UserError.
    """
    known = [field.name for field in fields(Sweep) if field.name not in _OURS]
    given = split_pod(options)
    check_names(given, known, "kubeque.map")
    called, constants = split_partial(function)
    made = function_files(called, rows, constants)
    return with_function(
        Sweep([Word((sys.executable,))], rows=rows, function=made.call, **given).check(),
        made,
        sys.executable,
        folder,
        beside=source_folder(called),
    )


def with_function(sweep: Sweep, made: FunctionFiles, python: str, folder: Path, *, beside: Path | None = None) -> Sweep:
    """Return a copy of `sweep` with a command that calls a function. Write the files of this command into `folder`.

    `made`: file with the source of the function, and program that calls the function. `python`: command that starts the
    interpreter. `beside`: folder of the function's file.

    Raises CommandError if a file of the option `push` cannot be read. If the file is not found, but exists in the
    folder `beside`, the error says so.
    """
    made.write(folder)
    # The path of the script is relative: two equal calls must give equal sweeps, although their folders differ.
    command = [Word((python,)), Word((made.name,), upload=True)]
    pushes = (*absolute_pushes(sweep.push, sweep.base, beside), PROGRAM)
    results = (*sweep.results, RETURN_FILE) if sweep.results else ()
    return replace(sweep, command=command, push=pushes, results=results, base=folder, function=made.call)


def _failure(client: Client, progress: Progress, call: _Call) -> JobFailed:
    """Return the error for a job that ended without success.

    The message of the error describes the first row of each of the largest groups of failures.
    """
    name, counts = progress.job.name, progress.counts
    groups = client.reader.failures(progress.job, counts).groups
    reasons = [_describe_group(group) for group in groups[:_REASONS]]
    rest = sum(group.count for group in groups[_REASONS:])
    more = f"; and {rest} more for {len(groups) - _REASONS} other reasons" if rest else ""
    file = client.unsent_module(
        progress.job, [group.message for group in groups], folders=[call.source], base=call.base
    )
    hint = f'; the module was not sent: add push=["{printable(file)}"]' if file else ""
    return JobFailed(
        f"{counts.failed + counts.killed} of {progress.job.n} rows of {name} failed: {'; '.join(reasons)}{more}{hint}",
        name, call.table(client, name),
    )  # fmt: skip


def _describe_group(group: Group) -> str:
    """Return a text about a group of failures: its first row, the message of this row, and the number of other rows."""
    index, row = group.first[0]
    values = ", ".join(f"{column}={printable(value)}" for column, value in row.items() if column != INDEX)
    others = f" (and {group.count - 1} more alike)" if group.count > 1 else ""
    return f"row {index} ({values}): {printable(group.message, LINE_CHARACTERS)}{others}"
