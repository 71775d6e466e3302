"""The live view of a job on a terminal: counts, rate, time left, consumers, and the latest failures."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kubeque.cli.output.job_text import format_failures, format_obstacles, job_state
from kubeque.cli.output.terminal import duration
from kubeque.client import Client, Progress, TaskRow

if TYPE_CHECKING:
    from rich.console import RenderableType

#: Period in seconds over which the rate is measured.
_WINDOW_SECONDS = 60.0
#: Number of failed tasks to list.
_FAILURES = 5
#: Minimum pause between two searches for failures, because a search reads all tasks. The pause is at least
#: _PAUSE_SECONDS, and at least _PAUSE_FACTOR times the duration of the last search.
_PAUSE_FACTOR = 20
_PAUSE_SECONDS = 2.0
_COLOURS = {"ok": "green", "failed": "red", "running": "cyan", "pending": "default", "held": "yellow", "killed": "red"}


class Pace:
    """The rate at which tasks end. The caller passes the time."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque()

    def add(self, now: float, ended: int) -> None:
        """Record the number of tasks that had ended at `now`."""
        if self._counts and ended < self._counts[-1][1]:
            self._counts.clear()  # the job was reset
        self._counts.append((now, ended))
        while self._counts[0][0] < now - _WINDOW_SECONDS:
            self._counts.popleft()

    @property
    def rate(self) -> float | None:
        """Return the tasks that end per second; None if no task has ended in the measured period."""
        (first, before), (last, ended) = self._counts[0], self._counts[-1]
        return (ended - before) / (last - first) if ended > before else None

    def seconds_for(self, tasks: int) -> float | None:
        """Return the seconds until `tasks` more tasks have ended at this rate; None if the rate is unknown."""
        return tasks / self.rate if self.rate else None


class FailureList:
    """The latest failed tasks. They are read again only after a pause, and only if their number has changed."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name
        self._count = 0
        self._due = 0.0
        self.lines: Sequence[TaskRow] = ()

    def refresh(self, failed: int) -> None:
        """Read the latest failures if `failed` has changed and the pause since the last read is over.

        `failed`: number of failed tasks.
        """
        began = time.monotonic()
        if failed != self._count and began >= self._due:
            self.lines = self._client.newest_failures(self._name, _FAILURES) if failed else ()
            self._count = failed
            now = time.monotonic()
            self._due = now + max(_PAUSE_SECONDS, _PAUSE_FACTOR * (now - began))


def watch_live(client: Client, name: str) -> Progress:
    """Show a job on the terminal until it has ended or is held. Return its last progress."""
    from rich.live import Live

    from kubeque.cli.output.rich_console import open_console

    pace, found = Pace(), FailureList(client, name)
    with Live(console=open_console(), transient=True, auto_refresh=False) as live:
        for progress in client.watch(name):
            pace.add(time.monotonic(), progress.counts.ended)
            found.refresh(progress.counts.failed)
            live.update(render(progress, pace, found.lines), refresh=True)
    return progress


def render(progress: Progress, pace: Pace, failed: Sequence[TaskRow]) -> RenderableType:
    """Return the live view of a job."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    job, counts = progress.job, progress.counts
    head = Table.grid(padding=(0, 2), expand=True)
    head.add_column(ratio=1)
    head.add_column(justify="right")
    head.add_row(
        Text.assemble((job.name, "bold"), "  ", (job_state(progress), "cyan")), Text(f"{counts.ended} of {job.n} tasks")
    )
    parts = [(f"{n} {what}", _COLOURS[what]) for what, n in counts.to_wire().items() if n]
    line = Text("   ").join(Text(text, style) for text, style in parts)
    facts = [f"{progress.consumers} consumers"]
    if pace.rate:
        facts += [f"{pace.rate:.1f} tasks/s" if pace.rate >= 1 else f"{60 * pace.rate:.1f} tasks/min"]
    left = pace.seconds_for(counts.pending + counts.running)
    facts += [f"about {duration(left)} left"] if left else []
    waits = [Text(format_obstacles(progress), "yellow")] if progress.obstacles else []
    last = [Text(text, "red", overflow="ellipsis", no_wrap=True) for text in format_failures(failed)]
    heading = [Text("failed last", "bold")] if last else []
    bar = Table.grid(expand=True)  # a bar outside a table does not end its line
    bar.add_row(ProgressBar(total=job.n, completed=counts.ended, complete_style="cyan", finished_style="green"))
    return Group(head, bar, line, Text(", ".join(facts)), *waits, *heading, *last)
