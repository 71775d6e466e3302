"""Make a sweep from an existing job, with the same command, inputs and options and the same or other rows."""

from __future__ import annotations

from dataclasses import replace

from kubeque.files.rows.row_pages import PageReader
from kubeque.files.urls import base_name
from kubeque.jobs.backends import Backends
from kubeque.jobs.submission.submitter_environment import secret_files_of
from kubeque.model.job.job import Job
from kubeque.model.job.retries import Budgets
from kubeque.model.job.shapes import Shape
from kubeque.model.job.spec import Input, JobSpec
from kubeque.model.rows.grid import grid, sequence
from kubeque.model.rows.parameters import from_records
from kubeque.model.rows.rows import Rows, axis_values, iter_rows, read_values
from kubeque.model.sweep.jobspec import kept_fields
from kubeque.model.sweep.sweep import Sweep


def like(backends: Backends, name: str, *, rows: Rows | None = None, inputs_of_command: bool = True) -> Sweep:
    """Return a sweep with the command, inputs and options of the job `name`, but without the name.

    The inputs are the stored inputs, even if the local files have changed. `rows`: rows that replace the rows of the
    job. `inputs_of_command`: True to keep the inputs of the job's `^` words and its function; False for a sweep with a
    new command. Raises JobNotFound, StorageError.
    """
    job = backends.queue.job(name)
    spec = backends.spec(job)
    inputs = spec.inputs if inputs_of_command else tuple(item for item in spec.inputs if not is_of_command(spec, item))
    defaults = Budgets().to_wire()
    return Sweep(
        command=spec.command, rows=rows or _rows(backends, job, spec), inputs=inputs,
        function=spec.function if inputs_of_command else None,
        inputs_of_command=inputs_of_command, memory=spec.shapes[0].memory, max_memory=_most(spec.shapes),
        disk=spec.shapes[0].disk,
        retry_causes={cause: n for cause, n in job.budgets.to_wire().items() if n != defaults[cause]},
        pod=spec.pod, secret_file=secret_files_of(backends, job), **kept_fields(job, spec),
    )  # fmt: skip


def _rows(backends: Backends, job: Job, spec: JobSpec) -> Rows:
    """Return the rows of a job. The values keep their types only for a function, because a command gets texts."""
    rows = spec.rows if spec.function else replace(spec.rows, types=())
    if rows.kind == "sequence":
        return sequence(rows.n)
    if rows.kind == "grid":
        return grid(dict(zip(rows.columns, axis_values(rows), strict=True)))
    texts = iter_rows(rows, PageReader(job.url, backends.files, rows.pages).page)
    values = (read_values(rows, index, row) for index, row in enumerate(texts))
    return from_records(({column: row[column] for column in rows.columns} for row in values), function=True)


def is_of_command(spec: JobSpec, item: Input) -> bool:
    """True if a `^` word of the command names the file of an input, or a folder that contains this file."""
    names = [base_name(word.render({})) for word in spec.command if word.upload and not word.columns]
    return any(item.name == name or item.name.startswith(f"{name}/") for name in names)


def _most(shapes: tuple[Shape, ...]) -> int | None:
    return max((shape.memory or 0) for shape in shapes) or None
