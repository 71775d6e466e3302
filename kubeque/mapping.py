"""`kubeque.map`: run a Python function over rows, from a notebook or a script, and return a table."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, cast

from kubeque.client import Client, Progress
from kubeque.model.command.command import Word
from kubeque.model.command.function import script
from kubeque.model.errors import JobFailed, ParametersError
from kubeque.model.job.job import Job
from kubeque.model.rows.parameters import Rows, from_frame, from_records
from kubeque.model.sweep.sweep import Sweep
from kubeque.model.text import LINE_CHARACTERS, printable

#: Failed rows whose reasons the error names.
_REASONS = 3


def as_rows(rows: Rows | Iterable[Mapping[str, object]] | Any) -> Rows:
    """Return the rows of a DataFrame or of dicts; a `Rows` object is returned unchanged. Raises ParametersError."""
    if hasattr(rows, "to_spec"):
        return cast(Rows, rows)
    if hasattr(rows, "itertuples"):
        return from_frame(rows)
    if isinstance(rows, str | bytes | Mapping):
        raise ParametersError(f"rows are a {type(rows).__name__}: give a list of dicts, a DataFrame or grid(...)")
    return from_records(rows)


def map(
    function: Callable[..., Any],
    rows: Rows | Iterable[Mapping[str, object]] | Any,
    *,
    name: str | None = None,
    client: Client | None = None,
    **options: Any,
) -> list[dict[str, Any]]:
    """Run `function(**row)` for each row as a sweep, and return its table: one dict per row, in order.

    Only the source of the function is sent, so it must contain its imports. Its arguments are cast by its annotations:
    int, float, bool or str; without an annotation an argument is a str. The function returns a dict (columns `out.*`)
    or one value (column `out.value`). A value in a dict that is not a scalar is written as JSON.

    `options`: those of `Sweep`, for example `memory="2Gi", consumers=4`.

    Raises CommandError if the source of the function is not available. Raises JobFailed if rows failed: its message has
    the first reasons, `job` the name and `table` the results of all rows.
    """
    found = as_rows(rows)
    made = script(function, found.columns)
    opened = client or Client()
    job: Job | None = None
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / made.name
            path.write_text(made.text, encoding="utf-8")
            command = [Word((sys.executable,)), Word((str(path),), upload=True)]
            sweep = Sweep(command, rows=found, name=name, **options)
            job = opened.submit(sweep).job
        progress = opened.wait(job.name)
        if progress.job.closing is None or not progress.job.closing.success:
            raise _failure(opened, progress)
        return opened.table(job.name)
    except KeyboardInterrupt as stop:
        if job is not None:
            stop.add_note(
                f"{job.name} goes on: Client().wait({job.name!r}) waits for it, Client().kill({job.name!r}) stops it"
            )
        raise
    finally:
        if client is None:
            opened.close()


def _failure(client: Client, progress: Progress) -> JobFailed:
    """Return the error for a job that ended without success, with the reasons of its first failed rows."""
    name, counts = progress.job.name, progress.counts
    reasons = []
    for line in islice(client.lines(name, state="failed"), _REASONS):
        values = ", ".join(f"{column}={printable(value)}" for column, value in line.row.items() if column != "index")
        outcome = line.view.record.outcome
        reasons.append(
            f"row {line.view.index} ({values}): {printable(outcome.message, LINE_CHARACTERS) if outcome else ''}"
        )
    more = f"; and {counts.failed - len(reasons)} more" if counts.failed > len(reasons) else ""
    return JobFailed(
        f"{counts.failed + counts.killed} of {progress.job.n} rows of {name} failed: {'; '.join(reasons)}{more}",
        name, client.table(name),
    )  # fmt: skip
