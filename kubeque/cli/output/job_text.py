"""How jobs and tasks look in print: one line, a table, or JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from kubeque.client import Progress, TaskRow
from kubeque.model.job.job import JobState
from kubeque.model.resources import format_bytes
from kubeque.model.text import printable


def word(progress: Progress) -> str:
    """One word for how a job stands."""
    return progress.job.standing(progress.counts)


def summary(progress: Progress) -> str:
    """A job in one line."""
    counts, job = progress.counts, progress.job
    parts = [f"{n} {what}" for what, n in counts.to_wire().items() if n]
    reason = f" ({job.reason})" if job.reason else ""
    held_up = f"; waits: {printable('; '.join(progress.obstacles), 400)}" if progress.obstacles else ""
    return f"{job.name}: {word(progress)}{reason}: {', '.join(parts)} of {job.n}{held_up}"


def way_on(progress: Progress) -> str:
    """How to go on with a job that ended early by its own rule; empty for others."""
    job = progress.job
    if job.state is not JobState.STOPPED:
        return ""
    anew = " (its deadline begins anew)" if job.deadline_seconds else ""
    return (
        f"go on: kubeque reset {job.name}{anew}, or submit it again with --revise and a mended command or other limits"
    )


def as_wire(progress: Progress) -> dict[str, Any]:
    """A job as `--json` prints it. Keys are stable."""
    job = progress.job
    return {
        "job": job.name, "uid": job.uid, "state": word(progress), "reason": job.reason, "tasks": job.n,
        "counts": progress.counts.to_wire(), "consumers": progress.consumers, "revision": job.revision, "run": job.run,
        "priority": job.priority, "created": datetime.fromtimestamp(job.created, UTC).isoformat(timespec="seconds"),
        "success": job.closing.success if job.closing else None, "url": job.url,
        "obstacles": list(progress.obstacles),
    }  # fmt: skip


def failures(lines: Iterable[TaskRow]) -> Iterator[str]:
    """Failing tasks, one line each: which row, why, and its last words."""
    for line in lines:
        row = " ".join(f"{column}={printable(value)}" for column, value in line.row.items() if column != "index")
        outcome = line.view.record.outcome
        why = f"{outcome.cause}: {printable(_last_words(outcome.message))}" if outcome else line.view.state
        yield f"  task {line.view.index} {row}  {why}".rstrip()


def _last_words(message: str) -> str:
    """What a program said last, where there is no room for the line before it, which is the code in a traceback."""
    before, also, last = message.rpartition(" | ")
    return f"{before.partition(': ')[0]}: {last}" if also and printable(message) != message else message


def task_cells(line: TaskRow) -> list[str]:
    """A task's cells for the screen, behind its index and parameters."""
    facts = line.facts()
    peak = format_bytes(facts["peak_memory"]) if facts["peak_memory"] else ""
    seconds = "" if facts["seconds"] is None else f"{facts['seconds']:.2f}"
    code = "" if facts["exit_code"] is None else str(facts["exit_code"])
    cells = [facts["state"], facts["cause"] or "", code, seconds, peak, str(facts["files"] or "")]
    return [printable(cell) for cell in cells]
