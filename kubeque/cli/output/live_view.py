"""A job on a terminal while it runs: counts, rate, time left, consumers, and what failed last."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kubeque.cli.output.job_text import failures, word
from kubeque.cli.output.terminal import duration
from kubeque.client import Client, Progress, TaskRow

if TYPE_CHECKING:
    from rich.console import RenderableType

#: The rate is that of so many last seconds.
_WINDOW_SECONDS = 60.0
_FAILURES = 5
#: Looking for failures reads all tasks: it may take this share of the time.
_SHARE = 20
_LOOK_SECONDS = 2.0
_COLOURS = {"ok": "green", "failed": "red", "running": "cyan", "pending": "default", "held": "yellow", "killed": "red"}


class Pace:
    """How fast tasks end. Pure: it is told the time."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now: float, ended: int) -> None:
        """At `now` so many had ended."""
        if self._seen and ended < self._seen[-1][1]:
            self._seen.clear()  # the job was reset
        self._seen.append((now, ended))
        while self._seen[0][0] < now - _WINDOW_SECONDS:
            self._seen.popleft()

    @property
    def rate(self) -> float | None:
        """Tasks a second; None before anything can be told."""
        (first, before), (last, ended) = self._seen[0], self._seen[-1]
        return (ended - before) / (last - first) if ended > before else None

    def left(self, tasks: int) -> float | None:
        """Seconds until `tasks` more have ended, if it goes on like this."""
        return tasks / self.rate if self.rate else None


class FailureList:
    """The tasks that failed last, looked for only when there are more and not too often."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name
        self._count = 0
        self._due = 0.0
        self.lines: Sequence[TaskRow] = ()

    def look(self, failed: int) -> None:
        began = time.monotonic()
        if failed != self._count and began >= self._due:
            self.lines = self._client.newest_failures(self._name, _FAILURES) if failed else ()
            self._count = failed
            now = time.monotonic()
            self._due = now + max(_LOOK_SECONDS, _SHARE * (now - began))


def watch_live(client: Client, name: str) -> Progress:
    """Show a job on the terminal until it has ended."""
    from rich.console import Console
    from rich.live import Live

    pace, found = Pace(), FailureList(client, name)
    with Live(console=Console(stderr=True, highlight=False), transient=True, auto_refresh=False) as live:
        for progress in client.watch(name):
            pace.add(time.monotonic(), progress.counts.ended)
            found.look(progress.counts.failed)
            live.update(picture(progress, pace, found.lines), refresh=True)
    return progress


def picture(progress: Progress, pace: Pace, failed: Sequence[TaskRow]) -> RenderableType:
    """What stands on the screen."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    job, counts = progress.job, progress.counts
    head = Table.grid(padding=(0, 2), expand=True)
    head.add_column(ratio=1)
    head.add_column(justify="right")
    head.add_row(
        Text.assemble((job.name, "bold"), "  ", (word(progress), "cyan")), Text(f"{counts.ended} of {job.n} tasks")
    )
    parts = [(f"{n} {what}", _COLOURS[what]) for what, n in counts.to_wire().items() if n]
    line = Text("   ").join(Text(text, style) for text, style in parts)
    told = [f"{progress.consumers} consumers"]
    if pace.rate:
        told += [f"{pace.rate:.1f} tasks/s" if pace.rate >= 1 else f"{60 * pace.rate:.1f} tasks/min"]
    left = pace.left(counts.pending + counts.running)
    told += [f"about {duration(left)} left"] if left else []
    last = [Text(text, "red", overflow="ellipsis", no_wrap=True) for text in failures(failed)]
    heading = [Text("failed last", "bold")] if last else []
    bar = Table.grid(expand=True)  # by itself a bar does not end its line
    bar.add_row(ProgressBar(total=job.n, completed=counts.ended, complete_style="cyan", finished_style="green"))
    return Group(head, bar, line, Text(", ".join(told)), *heading, *last)
