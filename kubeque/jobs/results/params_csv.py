"""The rows of a job as a CSV file that can be submitted again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from kubeque.jobs.backends import Backends
from kubeque.jobs.results.table import lines
from kubeque.model.errors import ParametersError
from kubeque.model.job.job import Job
from kubeque.model.wording import command

_BOM = "\ufeff"


def rows_csv(backends: Backends, job: Job, *, state: str | None = None) -> Iterator[str]:
    """Yield a CSV header and the rows of the tasks in `state` (None: all tasks), with unchanged values.

    A few pages are in memory at a time. Raises StorageError. Raises ParametersError if the rows have no columns.
    """
    columns = backends.spec(job).rows.columns
    if not columns:
        raise ParametersError(
            f"the rows of {job.name} cannot be written as CSV, because they have no columns: to run the failed rows"
            f" again, use {command('reset', job.name)}"
        )
    if columns[0].startswith(_BOM):
        yield _BOM  # readers skip the first byte order mark in a file
    yield _record(columns)
    for line in lines(backends, job, state=state):
        yield _record([line.row[column] for column in columns])


def _record(values: tuple[str, ...] | list[str]) -> str:
    if len(values) > 1 and not any(values):
        return '""' + "," * (len(values) - 1) + "\n"  # a reader skips a line of only commas
    text = io.StringIO(newline="")
    # With CR LF as the line end, the csv module quotes values that contain CR or LF.
    csv.writer(text, lineterminator="\r\n").writerow(values)
    return text.getvalue().removesuffix("\r\n") + "\n"
