"""The live view of a job on a terminal: counts, rate, times, consumers, and running, retried and failed tasks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from kubeque.cli.output.job_text import format_consumers, format_failures, format_obstacles, job_state
from kubeque.cli.output.retry_text import format_retries, refresh, retried_tasks
from kubeque.cli.output.running_text import format_running
from kubeque.cli.output.task_list import TaskList
from kubeque.cli.output.terminal import duration
from kubeque.client import Client, Progress, TaskRow
from kubeque.lazy_dataclass import dataclass
from kubeque.model.stats.pace import Pace, format_pace
from kubeque.model.text import format_count

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

#: Number of running tasks, and of failed tasks, to list.
_RUNNING, _FAILURES = 5, 5
#: Minimum seconds between two reads of the running tasks, if no task has ended.
_RUNNING_SECONDS = 2.0
_COLOURS = {"ok": "green", "failed": "red", "running": "cyan", "pending": "default", "held": "yellow", "killed": "red"}


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks that the live view lists."""

    #: Tasks that run, the longest first.
    running: Sequence[TaskRow] = ()
    #: Tasks that failed, the latest first.
    failed: Sequence[TaskRow] = ()
    #: Tasks that run again after failed attempts, the most attempts first.
    retried: Sequence[TaskRow] = ()


def watch_live(client: Client, name: str) -> Progress:
    """Show a job on the terminal until it has ended or is held. Return its last progress."""
    from rich.live import Live

    from kubeque.cli.output.rich_console import open_console

    pace = Pace()
    running = TaskList(lambda: client.longest_running(name, _RUNNING))
    failed = TaskList(lambda: client.newest_failures(name, _FAILURES))
    retried = retried_tasks(client, name)
    console = open_console()
    with Live(console=console, transient=True, auto_refresh=False) as live:
        for progress in client.watch(name):
            counts = progress.counts
            pace.add(time.monotonic(), counts.ended)
            running.refresh(counts.running, (counts.ended, time.monotonic() // _RUNNING_SECONDS))
            failed.refresh(counts.failed, counts.failed)
            refresh(retried, progress, time.monotonic())
            tasks = Tasks(running.lines, failed.lines, retried.lines)
            live.update(render(progress, pace, tasks, now=client.now(), height=console.height), refresh=True)
    return progress


def render(
    progress: Progress, pace: Pace, tasks: Tasks, *, now: float = 0.0, height: int | None = None
) -> RenderableType:  # fmt: skip
    """Return the live view of a job.

    `now`: time on the clock of the queue, Unix seconds. `height`: number of lines of the terminal; None: not limited.
    """
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    job, counts = progress.job, progress.counts
    done = f"{counts.ended} of {job.n} tasks ({int(100 * counts.ended / max(1, job.n))}%)"
    head = Table.grid(padding=(0, 2), expand=True)
    head.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    head.add_column(justify="right", no_wrap=True)
    head.add_row(Text.assemble((job.name, "bold"), "  ", (job_state(progress), "cyan")), done)
    parts = [(f"{n} {what}", _COLOURS[what]) for what, n in counts.to_wire().items() if n]
    line = Text("   ").join(Text(text, style) for text, style in parts)
    bar = Table.grid(expand=True)  # outside a table, the text after a bar begins on the same line
    bar.add_row(ProgressBar(total=job.n, completed=counts.ended, complete_style="cyan", finished_style="green"))
    facts = Text(", ".join(_facts(progress, pace, now)))
    places = [Text(text)] if (text := format_consumers(progress)) else []
    waits = [Text(format_obstacles(progress), "yellow")] if progress.obstacles else []
    return _Picture(Group(head, bar, line, facts, *places, *waits), tasks, now, height)


@dataclass(frozen=True, slots=True)
class _Picture:
    """The live view, printed by the library rich: the head, and as many lines of the lists as fit the screen."""

    head: RenderableType
    tasks: Tasks
    now: float
    height: int | None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.segment import Segment, Segments

        room = 1000 if self.height is None else self.height - 1  # the last line of the screen is for the cursor
        lines = console.render_lines(self.head, options, pad=False)[:room]
        for line in lines:
            yield Segments([*line, Segment.line()])
        failed = _section("failed last", format_failures(self.tasks.failed), "red", room - len(lines))
        room -= len(lines) + len(failed)
        again = (f"  {text}" for text in format_retries(self.tasks.retried))
        retried = _section("running again", again, "yellow", room)
        # The lists are read at different times, so a task that has failed may still be in the list of running tasks.
        ended = {line.view.index for line in self.tasks.failed}
        running = format_running((line for line in self.tasks.running if line.view.index not in ended), self.now)
        yield from _section("running now, longest first", running, "", room - len(retried))
        yield from retried
        yield from failed


def _section(title: str, lines: Iterable[str], style: str, room: int) -> list[RenderableType]:
    """Return a title and as many of `lines` as fit into `room` lines of the screen. `style`: style of rich for `lines`.

    Return an empty list if no line fits, or if `lines` is empty.
    """
    from rich.text import Text

    listed = [Text(text, style, overflow="ellipsis", no_wrap=True) for text in lines][: max(0, room - 1)]
    return [Text(title, "bold"), *listed] if listed else []


def _facts(progress: Progress, pace: Pace, now: float) -> list[str]:
    """Return short texts: number of consumers, rate, elapsed time and remaining time, as far as they are known."""
    job = progress.job
    consumers = format_count(progress.consumers, "consumer")
    elapsed = [f"{duration(max(0.0, now - (job.reset_at or job.created)))} elapsed"] if now else []
    rate, *left = format_pace(progress.counts, pace) or ("",)
    return [consumers, *([rate] if rate else []), *elapsed, *left]
