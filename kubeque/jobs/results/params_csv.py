"""The rows of a job as a CSV file, to be swept over again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from kubeque.jobs.backends import Backends
from kubeque.jobs.results.table import lines
from kubeque.model.errors import ParametersError
from kubeque.model.job.job import Job

_BOM = "\ufeff"


def rows_csv(backends: Backends, job: Job, *, state: str | None = None) -> Iterator[str]:
    """A header and the rows of the tasks in `state`, every value as it was given. Memory: a few pages.

    Raises ParametersError where the rows have no columns, StorageError.
    """
    columns = backends.spec(job).rows.columns
    if not columns:
        raise ParametersError(
            f"the rows of {job.name} have no columns and only differ in their index: kubeque reset {job.name} runs "
            "those again that failed"
        )
    if columns[0].startswith(_BOM):
        yield _BOM  # the first one in a file is taken for a mark
    yield _record(columns)
    for line in lines(backends, job, state=state):
        yield _record([line.row[column] for column in columns])


def _record(values: tuple[str, ...] | list[str]) -> str:
    text = io.StringIO(newline="")
    # Whatever could end a line or a value stands in quotes: with CR LF as the line's end the csv module sees to both.
    csv.writer(text, lineterminator="\r\n").writerow(values)
    return text.getvalue().removesuffix("\r\n") + "\n"
