"""`kubeque.map`: run a Python function over rows, from a notebook or a script, and return a table."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from kubeque.client import Client
from kubeque.model.command.command import Word
from kubeque.model.command.function import script
from kubeque.model.errors import JobFailed, ParametersError
from kubeque.model.rows.parameters import Rows, from_frame, from_records
from kubeque.model.sweep.sweep import Sweep


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

    Raises CommandError if the source of the function is not available. Raises JobFailed, which names the job, if rows
    failed.
    """
    found = as_rows(rows)
    made = script(function, found.columns)
    opened = client or Client()
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / made.name
            path.write_text(made.text, encoding="utf-8")
            command = [Word((sys.executable,)), Word((str(path),), upload=True)]
            sweep = Sweep(command, rows=found, name=name, **options)
            job = opened.submit(sweep).job
        progress = opened.wait(job.name)
        if progress.job.closing is None or not progress.job.closing.success:
            count = progress.counts.failed + progress.counts.killed
            raise JobFailed(f"{count} of {job.n} rows failed: `kubeque status {job.name} --tasks` shows them")
        return opened.table(job.name)
    finally:
        if client is None:
            opened.close()
