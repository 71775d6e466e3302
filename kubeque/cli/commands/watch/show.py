"""`kubeque show`: show the details of a job or a task, or the tasks of a job sorted by a column."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator
from itertools import chain
from typing import Any

import click

from kubeque.cli.connect import connect, job_argument
from kubeque.cli.job_reference import find_job
from kubeque.cli.output.failure_lines import format_failed_groups, read_groups
from kubeque.cli.output.job_text import format_job, to_wire
from kubeque.cli.output.task_table import print_tasks
from kubeque.cli.output.task_text import task_lines, task_to_wire
from kubeque.cli.output.terminal import duration, format_age, format_pairs, format_time, terminal_text
from kubeque.cli.row_options import row_options
from kubeque.client import JobDetails
from kubeque.model.command.command import format_word as written
from kubeque.model.errors import UserError
from kubeque.model.job.row_selection import RowSelection
from kubeque.model.job.shapes import Shape
from kubeque.model.quantities import format_bytes

#: Maximum number of inputs to list.
_INPUTS = 20


@click.command()
@job_argument()
@click.argument("task", metavar="[INDEX]", type=click.IntRange(0), required=False)
@click.option(
    "--sort", metavar="COLUMN", help="List the tasks, sorted by this column, for example out.loss or running.since."
)
@click.option("--desc", is_flag=True, help="With --sort: list the largest value first (default: the smallest).")
@click.option(
    "--top", type=click.IntRange(1), metavar="N", help="With --sort: list only the first N tasks (default: all)."
)
@row_options("With --sort: list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --sort one object per line.")
@click.pass_context
def show(
    ctx: click.Context, job: str, task: int | None, sort: str | None, desc: bool, top: int | None, index: str | None,
    where: tuple[str, ...], states: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Show the details of JOB or of its task INDEX. With --sort, list the tasks of JOB sorted by a column."""
    rows = RowSelection.parse(index, where, states)
    if sort is None and not rows.is_empty:
        raise UserError(
            f"--index, --where and --state select tasks to sort: add --sort COLUMN, or list them with"
            f" kubeque status {shlex.quote(job)} --tasks"
        )
    if sort is None and (desc or top):
        raise UserError("--desc and --top need --sort: write for example --sort out.loss --top 10")
    if sort is not None and task is not None:
        raise UserError("--sort lists all tasks of a job: leave out either INDEX or --sort")
    with connect(ctx) as client:
        job = find_job(client, job)
        if sort is not None:
            ranked = client.ranked(job, sort, top=top, descending=desc, rows=rows)
            print_tasks(ranked, client.now, as_json=as_json)
        elif task is None:
            details = client.details(job)
            failed = format_failed_groups(client, job, () if as_json else read_groups(client, details.progress))
            _print(job_to_wire(details), chain(_job_lines(details), failed), as_json=as_json)
        else:
            found = client.task(job, task)
            _print(task_to_wire(found), task_lines(found, client.now()), as_json=as_json)


def _print(wire: dict[str, Any], lines: Iterator[str], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(wire))
        return
    for line in lines:
        click.echo(line)


def job_to_wire(details: JobDetails) -> dict[str, Any]:
    """Return the details of a job as the JSON object that `show JOB --json` prints."""
    job, spec = details.progress.job, details.spec
    return to_wire(details.progress) | {
        "command": [written(word) for word in spec.command], "shell": spec.shell, "columns": list(spec.rows.columns),
        "image": spec.image, "cpu": spec.cpu, "memory": job.shapes[0].memory, "max_memory": job.shapes[-1].memory,
        "disk": job.shapes[0].disk, "timeout": spec.task_timeout, "deadline": job.deadline,
        "max_failures": job.max_failures, "allow_failed": job.allow_failed, "series": job.series,
        "inputs": [{"name": item.name, "url": item.url, "size": item.size} for item in spec.inputs],
        "causes": dict(details.causes), "attempts": details.attempts, "seconds": round(details.seconds, 3),
        "peak_memory": details.peak_memory or None, "table": details.table or None,
        "report": details.report or None,
    }  # fmt: skip


def _job_lines(details: JobDetails) -> Iterator[str]:
    job, spec = details.progress.job, details.spec
    columns = ", ".join(map(terminal_text, spec.rows.columns))
    yield format_job(details.progress)
    yield from format_pairs(
        [
            ("command", terminal_text(" ".join(shlex.quote(written(word)) for word in spec.command), 2000)),
            ("rows", f"{job.n}" + (f" with {columns}" if columns else "")),
            ("inputs", terminal_text(", ".join(_format_inputs(details)), 2000)),
            ("image", terminal_text(spec.image or "")),
            ("each task", _format_request(job.shapes[0], job.shapes[-1], spec.cpu, spec.task_timeout)),
            ("used", _format_use(details)),
            ("causes", ", ".join(f"{n} {cause}" for cause, n in details.causes.items())),
            ("attempts", str(details.attempts) if details.attempts else ""),
            ("consumers", f"{details.progress.consumers} of {job.consumers} wanted, fleet {job.fleet}"),
            ("priority", str(job.priority)),
            ("submitted", f"{format_time(job.created)}, {format_age(job.created, time.time())}"),
            (
                "ended",
                f"{format_time(job.closing.at)}, {format_age(job.closing.at, time.time())}" if job.closing else "",
            ),
            ("deadline", format_time(job.deadline) if job.deadline else ""),
            ("allowed", _format_limits(details)),
            ("series", terminal_text(job.series)),
            ("revision", f"{job.revision}, run {job.run}"),
            ("uid", job.uid),
            ("results", job.url),
            ("table", details.table),
            ("report", details.report),
        ]
    )


def _format_inputs(details: JobDetails) -> list[str]:
    spec = details.spec
    named = [f"{terminal_text(item.name)} ({format_bytes(item.size)}B)" for item in spec.inputs[:_INPUTS]]
    more = len(spec.inputs) - len(named)
    named += [f"and {more} more"] if more else []
    return [*named, *([f"{len(spec.row_inputs)} that depend on the row"] if spec.row_inputs else [])]


def _format_request(first: Shape, last: Shape, cpu: float | None, timeout: float | None) -> str:
    growth = f" (up to {format_bytes(last.memory)})" if last.memory and last.memory != first.memory else ""
    parts = [
        f"{cpu:g} cores" if cpu else "",
        f"{format_bytes(first.memory)} of memory{growth}" if first.memory else "",
        f"{format_bytes(first.disk)} of disk" if first.disk else "",
        f"at most {duration(timeout)}" if timeout else "",
    ]
    return ", ".join(part for part in parts if part)


def _format_use(details: JobDetails) -> str:
    mean = details.mean_seconds
    if mean is None:
        return ""
    peak = f", peak memory {format_bytes(details.peak_memory)}" if details.peak_memory else ""
    return f"{duration(details.seconds)} in all, {mean:.2f}s a task{peak}"


def _format_limits(details: JobDetails) -> str:
    job = details.progress.job
    stop = f"the job stops at {job.max_failures} failed tasks" if job.max_failures is not None else ""
    allowed = f"{job.allow_failed} failed tasks still count as success" if job.allowed_failures else ""
    return ", ".join(part for part in (allowed, stop) if part)
