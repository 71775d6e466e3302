"""Tasks that run again after failed attempts, as text: what happened, and how often."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import click

from kubeque.cli.output.task_list import TaskList
from kubeque.cli.output.terminal import terminal_text
from kubeque.client import Client, Progress, TaskRow
from kubeque.model.job.causes import Cause

#: Number of tasks to list.
_LISTED = 5
#: Minimum seconds between two reads of the tasks, if the number of unfinished tasks has not changed.
_PERIOD_SECONDS = 5.0
_WORDS = {
    Cause.PREEMPTED: "interrupted {}", Cause.LOST: "interrupted {}", Cause.STORE: "its results could not be stored {}",
    Cause.STAGE: "its inputs could not be read {}",
}  # fmt: skip


def retried_tasks(client: Client, name: str) -> TaskList:
    """Return a list, at first empty, for those unfinished tasks of a job that have the most failed attempts."""
    return TaskList(partial(client.most_retried, name, _LISTED))


def refresh(tasks: TaskList, progress: Progress, now: float) -> None:
    """Read the retried tasks into `tasks` again if the last read is some seconds old.

    `now`: monotonic clock, seconds.
    """
    counts = progress.counts
    tasks.refresh(counts.pending + counts.running, now // _PERIOD_SECONDS)


def format_retries(lines: Iterable[TaskRow]) -> Iterator[str]:
    """Yield one line for each task that runs again: `row 7: interrupted 4 times: its consumer vanished`."""
    for line in lines:
        record, outcome = line.view.record, line.view.record.outcome
        if outcome is not None:
            words = _WORDS.get(outcome.cause, f"failed {{}} by {outcome.cause} and runs again")
            same = (cause for cause in Cause if _WORDS.get(cause) == words or cause is outcome.cause)
            count = sum(record.charges.get(cause, 0) for cause in same)
            times = "once" if count == 1 else f"{count} times"
            message = f": {terminal_text(outcome.message)}" if outcome.message else ""
            yield f"row {line.view.index}: {words.format(times)}{message}"


class RetryPrinter:
    """Prints a line after a failed attempt of a task that runs again. Each line is printed once."""

    def __init__(self, client: Client, name: str) -> None:
        self._tasks = retried_tasks(client, name)
        self._printed: set[str] = set()

    def print_new(self, progress: Progress, now: float) -> None:
        """Print the lines that were not printed before. `now`: monotonic clock, seconds."""
        refresh(self._tasks, progress, now)
        for text in _new(self._tasks.lines, self._printed):
            click.echo(f"{progress.job.name}: {text}", err=True)


def _new(lines: Sequence[TaskRow], printed: set[str]) -> list[str]:
    """Make a text for each task in `lines`. Return the texts that are not yet in `printed`, and add them to it."""
    found = [text for text in format_retries(lines) if text not in printed]
    printed.update(found)
    return found
