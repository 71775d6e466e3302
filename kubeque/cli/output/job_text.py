"""Jobs and tasks as text: one line, cells of a table, or JSON."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import click

from kubeque.cli.output.terminal import terminal_text
from kubeque.client import Progress, TaskRow
from kubeque.model.job.job import JobState
from kubeque.model.resources import format_bytes
from kubeque.model.text import CUT_MARK, VALUE_CHARACTERS


def job_state(progress: Progress) -> str:
    """Return the state of a job in one word."""
    return progress.job.standing(progress.counts)


def format_job(progress: Progress) -> str:
    """Return the state of a job in one line."""
    counts, job = progress.counts, progress.job
    stopping = job.was_ended and job.closing is None
    words = {"running": "stopping"} if stopping else {}
    parts = [f"{n} {words.get(what, what)}" for what, n in counts.to_wire().items() if n]
    reason = f" ({job.reason})" if job.reason else ""
    obstacles = f"; {format_obstacles(progress)}" if progress.obstacles else ""
    return f"{job.name}: {job_state(progress)}{reason}: {', '.join(parts)} of {job.n}{obstacles}"


def format_obstacles(progress: Progress) -> str:
    """Return the reasons why the tasks of a job do not start; empty if none is known."""
    return f"waits: {terminal_text('; '.join(progress.obstacles), 400)}" if progress.obstacles else ""


def print_job(progress: Progress, *, as_json: bool) -> None:
    """Print the state of a job as one line or one JSON object."""
    click.echo(json.dumps(to_wire(progress)) if as_json else format_job(progress))


def format_resume_hint(progress: Progress) -> str:
    """Return how to go on with a job that a limit of its own has stopped; "" for other jobs."""
    job = progress.job
    if job.state is not JobState.STOPPED:
        return ""
    deadline = " (its deadline starts again)" if job.deadline_seconds else ""
    return (
        f"to go on: kubeque reset {job.name}{deadline}, or submit it again with --revise and another command or limits"
    )


def to_wire(progress: Progress) -> dict[str, Any]:
    """Return a job as `--json` prints it. Keys are stable."""
    job = progress.job
    return {
        "job": job.name, "uid": job.uid, "state": job_state(progress), "reason": job.reason, "tasks": job.n,
        "counts": progress.counts.to_wire(), "consumers": progress.consumers, "revision": job.revision, "run": job.run,
        "priority": job.priority, "created": datetime.fromtimestamp(job.created, UTC).isoformat(timespec="seconds"),
        "success": job.closing.success if job.closing else None, "url": job.url,
        "obstacles": list(progress.obstacles),
    }  # fmt: skip


def format_failures(lines: Iterable[TaskRow], read_message: Callable[[TaskRow], str] | None = None) -> Iterator[str]:
    """Yield a line for each failed task: its row, the cause and the last line of its message.

    `read_message`: function that returns the whole message of a task if the queue has only its beginning.
    """
    room = max(VALUE_CHARACTERS, shutil.get_terminal_size().columns) if sys.stdout.isatty() else sys.maxsize
    for line in lines:
        row = " ".join(f"{column}={terminal_text(value)}" for column, value in line.row.items() if column != "index")
        outcome = line.view.record.outcome
        message = outcome.message if outcome else ""
        if read_message is not None and message.endswith(CUT_MARK):
            message = read_message(line)
        why = f"{outcome.cause}: {terminal_text(_last_line(message, room), room)}" if outcome else line.view.state
        yield f"  task {line.view.index} {row}  {why}".rstrip()


def _last_line(message: str, room: int) -> str:
    """Shorten a message that is too long to its last line, because the line before it in a traceback is code."""
    before, also, last = message.rpartition(" | ")
    return f"{before.partition(': ')[0]}: {last}" if also and len(message) > room else message


def task_cells(line: TaskRow) -> list[str]:
    """Return the cells of a task in a table, after its index and parameters."""
    facts = line.facts()
    peak = format_bytes(facts["peak_memory"]) if facts["peak_memory"] else ""
    seconds = "" if facts["seconds"] is None else f"{facts['seconds']:.2f}"
    code = "" if facts["exit_code"] is None else str(facts["exit_code"])
    cells = [facts["state"], facts["cause"] or "", code, seconds, peak, str(facts["files"] or "")]
    return [terminal_text(cell) for cell in cells]
