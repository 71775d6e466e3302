"""`kubeque show`: show the details of a job or a task, or the tasks of a job sorted by a column."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import click

from kubeque.cli.connect import connect, job_argument
from kubeque.cli.job_reference import find_job
from kubeque.cli.output.failure_lines import format_failed_groups, read_groups
from kubeque.cli.output.job_text import format_job, to_wire
from kubeque.cli.output.running_text import is_running, running_facts
from kubeque.cli.output.table import Table
from kubeque.cli.output.task_table import STATES, print_tasks
from kubeque.cli.output.terminal import duration, format_age, format_pairs, terminal_text
from kubeque.client import JobDetails, TaskDetails
from kubeque.model.command.command import format_word as written
from kubeque.model.errors import UserError
from kubeque.model.job.causes import Cause
from kubeque.model.job.shapes import Shape
from kubeque.model.job.task import TaskState
from kubeque.model.quantities import format_bytes
from kubeque.model.stats.running_time import format_since

#: Number of last lines of each stream that `show JOB INDEX` prints.
_LAST_LINES = 10
#: Text after the consumer of a running task whose row was killed.
_KILL_DUE = " until its next heartbeat, because the row was killed"
#: Maximum number of files to list.
_FILES = 20
#: Labels in the output of `show JOB INDEX` that are not names of parameters.
_LABELS = frozenset({
    "command", "in sh", "message", "took", "memory", "running for", "running in", "reserved by", "files", "result",
    "output",
})  # fmt: skip


@click.command()
@job_argument()
@click.argument("index", type=click.IntRange(0), required=False)
@click.option("--sort", metavar="COLUMN", help="List the tasks, sorted by this column, for example out.loss.")
@click.option("--desc", is_flag=True, help="With --sort: list the largest value first (default: the smallest).")
@click.option(
    "--top", type=click.IntRange(1), metavar="N", help="With --sort: list only the first N tasks (default: all)."
)
@click.option("--state", type=STATES, help="With --sort: list only tasks in this state.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --sort one object per line.")
@click.pass_context
def show(
    ctx: click.Context, job: str, index: int | None, sort: str | None, desc: bool, top: int | None, state: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Show the details of JOB or of its task INDEX. With --sort, list the tasks of JOB sorted by a column."""
    if sort is None and (desc or top or state):
        raise UserError("--desc, --top and --state need --sort: write for example --sort out.loss --top 10")
    if sort is not None and index is not None:
        raise UserError("--sort lists all tasks of a job: leave out either INDEX or --sort")
    with connect(ctx) as client:
        job = find_job(client, job)
        if sort is not None:
            ranked = client.ranked(job, sort, top=top, descending=desc, state=state)
            print_tasks(ranked, client.now, as_json=as_json)
        elif index is None:
            details = client.details(job)
            failed = format_failed_groups(client, job, () if as_json else read_groups(client, details.progress))
            _print(job_to_wire(details), chain(_job_lines(details), failed), as_json=as_json)
        else:
            task = client.task(job, index)
            _print(task_to_wire(task), _task_lines(task, client.now()), as_json=as_json)


def _print(wire: dict[str, Any], lines: Iterator[str], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(wire))
        return
    for line in lines:
        click.echo(line)


# ---------------------------------------------------------------------- a job
def job_to_wire(details: JobDetails) -> dict[str, Any]:
    """Return a job as `show JOB --json` prints it."""
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
            ("submitted", f"{_format_time(job.created)}, {format_age(job.created, time.time())}"),
            (
                "ended",
                f"{_format_time(job.closing.at)}, {format_age(job.closing.at, time.time())}" if job.closing else "",
            ),
            ("deadline", _format_time(job.deadline) if job.deadline else ""),
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
    named = [f"{terminal_text(item.name)} ({format_bytes(item.size)}B)" for item in spec.inputs[:_FILES]]
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


def _format_time(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


# ---------------------------------------------------------------------- a task
def task_to_wire(task: TaskDetails) -> dict[str, Any]:
    """Return a task as `show JOB INDEX --json` prints it."""
    result = task.result or {}
    outcome = task.line.view.record.outcome
    history = task.line.view.record.history
    return {
        "job": task.job.name, "uid": task.job.uid, "index": task.line.view.index,
        "row": {column: value for column, value in task.line.row.items() if column != "index"},
        **task.line.facts(), "message": outcome.message if outcome else None, "owner": task.line.view.owner or None,
        "running": running_facts(task.line),
        "memory": task.shape.memory, "disk": task.shape.disk, "command": result.get("command"),
        "history": [
            {
                "attempt": a.number, "cause": a.cause.value, "code": a.code, "consumer": a.owner,
                "start": datetime.fromtimestamp(a.start, UTC).isoformat(timespec="milliseconds"),
                "seconds": round(a.seconds, 3),
            }
            for a in history
        ],
        "kept": [{key: item.get(key) for key in ("name", "size", "digest")} for item in result.get("files", [])],
        "refused": result.get("refused", []), "out": result.get("out"), "url": task.url or None,
        "fault": str(task.fault) if task.fault else None,
    }  # fmt: skip


def _task_lines(task: TaskDetails, now: float) -> Iterator[str]:
    """Yield the lines about a task. `now`: time on the clock of the queue, Unix seconds."""
    facts, view, result = task.line.facts(), task.line.view, task.result or {}
    outcome = view.record.outcome
    took = [f"{facts['seconds']:.2f}s" if facts["seconds"] is not None else ""]
    took += [f"peak memory {format_bytes(facts['peak_memory'])}" if facts["peak_memory"] else ""]
    cause = "" if facts["cause"] in (None, facts["state"]) else f", {facts['cause']}"
    yield f"{task.job.name} {view.index}: {facts['state']}{cause}"
    yield from format_pairs(
        [
            *(
                (terminal_text(_parameter_label(column)), terminal_text(value, 200))
                for column, value in task.line.parameters().items()
            ),
            *_command_lines(task, result),
            ("message", terminal_text(result.get("message") or outcome.message, 400) if outcome else ""),
            ("took", ", ".join(part for part in took if part)),
            ("memory", format_bytes(task.shape.memory) if task.shape.memory else ""),
            ("running for", _format_running(task, now)),
            (
                "running in" if is_running(task.line) else "reserved by",
                view.owner and f"{view.owner}{_KILL_DUE if view.record.kill else ''}",
            ),
            *(
                (f"out.{terminal_text(key)}", terminal_text(value, 200))
                for key, value in (result.get("out") or {}).items()
            ),
            ("files", f"{len(result.get('files', []))} in {task.url}" if task.url and not task.fault else ""),
            ("result", terminal_text(task.fault, 400) if task.fault else ""),
            ("output", _find_killed_output(task)),
        ]
    )
    for item in result.get("files", [])[:_FILES]:
        yield f"  {terminal_text(item.get('name'), 200)}  {format_bytes(int(item.get('size', 0)))}B"
    for refused in result.get("refused", []):
        yield f"  not kept: {terminal_text(refused, 400)}"
    yield from _last_lines(result)
    if view.record.history:
        yield ""
        Table(["attempt", "cause", "code", "seconds", "began", "consumer"]).print(_attempts(task))


def _command_lines(task: TaskDetails, result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the command of a task with its label. A command for the shell is shown as the user wrote it."""
    if not task.script:
        return [("command", terminal_text(shlex.join(map(str, result.get("command", []))), 2000))]
    first, *more = (terminal_text(line, 2000) for line in task.script.split("\n"))
    return [("in sh", first), *(("", line) for line in more)]


def _format_running(task: TaskDetails, now: float) -> str:
    """Return for how long a task has been running, since when, and its attempt; empty for other tasks."""
    running = task.line.view.running
    if running is None:
        return ""
    return (
        f"{format_since(running, now)}, since {_format_time(running.since)}, attempt {task.line.view.record.attempts}"
    )


def _find_killed_output(task: TaskDetails) -> str:
    """Return a command that shows the output of an attempt that a kill has ended; empty for other tasks.

    Such an attempt has no result.
    """
    view, history = task.line.view, task.line.view.record.history
    ended = history[-1].number if history and history[-1].cause is not Cause.KILLED else 0
    if view.state is not TaskState.KILLED or view.record.attempts <= ended:
        return ""
    command = f"kubeque peek {shlex.quote(task.job.name)} {view.index}"
    return f"{command} shows what attempt {view.record.attempts} wrote, if its command had started"


def _parameter_label(column: str) -> str:
    """Return the label of a parameter: its column, with a prefix if a different line of the output has this label."""
    return f"param.{column}" if column in _LABELS else column


def _last_lines(result: dict[str, Any] | Any) -> Iterator[str]:
    for stream in ("stdout", "stderr"):
        text = result.get(stream)
        if isinstance(text, str) and text.strip():
            yield f"{stream}, last lines:"
            yield from (f"  {terminal_text(line, 400)}" for line in text.splitlines()[-_LAST_LINES:])
        elif text is None and result.get(f"{stream}_bytes"):
            size = format_bytes(int(result[f"{stream}_bytes"]))
            yield f"{stream}: {size}; kubeque peek {result.get('job')} {result.get('index')} shows its end"


def _attempts(task: TaskDetails) -> Iterator[list[str]]:
    for a in task.line.view.record.history:
        code = "" if a.code is None else str(a.code)
        yield [str(a.number), a.cause.value, code, f"{a.seconds:.2f}", _format_time(a.start), a.owner]
