"""Running tasks as text: duration, consumer and attempt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from kubeque.cli.output.terminal import terminal_text
from kubeque.client import TaskRow
from kubeque.model.job.task import TaskState
from kubeque.model.stats.running_time import format_since

#: Headers of the cells of a running task.
RUNNING_HEADERS = ("running for", "attempt", "consumer")


def is_running(line: TaskRow) -> bool:
    return line.view.state is TaskState.RUNNING


def running_cells(line: TaskRow, now: float) -> list[str]:
    """Return the cells of RUNNING_HEADERS; empty cells for a task that does not run.

    `now`: time on the clock of the queue, Unix seconds.
    """
    if not is_running(line):
        return ["", "", ""]
    return [format_since(line.view.running, now), str(line.view.record.attempts), terminal_text(line.view.owner)]


def format_running(lines: Iterable[TaskRow], now: float) -> Iterator[str]:
    """Yield one line for each running task: index, row, duration, attempt and consumer."""
    for line in lines:
        row = " ".join(f"{column}={terminal_text(value)}" for column, value in line.row.items() if column != "index")
        attempt = line.view.record.attempts
        facts = [
            format_since(line.view.running, now),
            f"attempt {attempt}" if attempt > 1 else "",
            terminal_text(line.view.owner),
        ]
        yield f"  task {line.view.index} {', '.join(fact for fact in facts if fact)}  {row}".rstrip()


def running_facts(line: TaskRow) -> dict[str, Any] | None:
    """Return the JSON object about a running task for `--json`; None for a task that does not run.

    The entry `since` is the start of the command. The entry `seen` is the time at which the consumer last recorded in a
    commit that the command runs.
    """
    if not is_running(line):
        return None
    running = line.view.running
    return {
        "since": _iso(running.since) if running else None,
        "seen": _iso(running.noted) if running else None,
        "attempt": line.view.record.attempts,
        "consumer": line.view.owner,
    }


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
