"""The progress bar of `kubeque.map`, on a terminal and in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kubeque.client import Progress
from kubeque.model.text import LINE_CHARACTERS, printable

if TYPE_CHECKING:
    from rich.console import Console


@contextmanager
def show_progress(name: str, *, shown: bool | None) -> Iterator[Callable[[Progress], None]]:
    """Show the progress of a job while the `with` block runs. Yield a function to call with each new progress.

    `name`: name of the job. `shown`: True to show the bar, False to hide it, None to show it on a terminal and in a
    notebook.
    """
    console = _console() if shown is not False else None
    if console is None or not (shown or console.is_terminal or console.is_jupyter):
        yield lambda progress: None
        return
    from rich import progress as rich

    columns = (
        rich.TextColumn("{task.description}", markup=False), rich.BarColumn(), rich.MofNCompleteColumn(),
        rich.TextColumn("{task.fields[more]}", markup=False), rich.TimeElapsedColumn(), rich.TimeRemainingColumn(),
    )  # fmt: skip
    with rich.Progress(*columns, console=console) as bar:
        line = bar.add_task(printable(name), total=None, more="")

        def show(now: Progress) -> None:
            more = [f"{now.counts.failed} failed"] if now.counts.failed else []
            more += [printable(obstacle, LINE_CHARACTERS) for obstacle in now.obstacles[:1]]
            bar.update(line, total=now.job.n, completed=now.counts.ended, more="; ".join(more))

        yield show


def _console() -> Console | None:
    """Return a console for standard error, or for the output of a notebook; None if standard error is closed."""
    if sys.stderr is None:
        return None
    from rich.console import Console

    from kubeque.terminal_resize import erase_after_resize

    console = Console(stderr=True, markup=False, highlight=False)
    erase_after_resize(console)
    return console
