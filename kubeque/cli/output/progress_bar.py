"""The progress of a transfer: a bar on a terminal; without a terminal, a plain line every few seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from kubeque.client import Transfer
from kubeque.model.quantities import format_bytes

#: Seconds between two plain lines. A shorter transfer prints no line.
_LINE_SECONDS = 5.0


@contextmanager
def show_transfer(what: str, items: str, *, quiet: bool = False) -> Iterator[Callable[[Transfer], None] | None]:
    """Show the progress of a transfer while the `with` block runs.

    Yield a function to call with each new progress of the transfer; with `quiet`, show nothing and yield None. `what`:
    word for the activity, for example "uploading". `items`: noun for the transferred items, for example "files".
    """
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar(what, items) as tell:
            yield tell
    else:
        yield _Lines(what, items)


class _Lines:
    def __init__(self, what: str, items: str) -> None:
        self._what, self._items = what, items
        self._began = self._printed_at = time.monotonic()

    def __call__(self, now: Transfer) -> None:
        at = time.monotonic()
        if at - self._printed_at < _LINE_SECONDS:
            return
        self._printed_at = at
        sizes = f"{format_bytes(now.size)}B of {format_bytes(now.size_total)}B"
        rate = f"{format_bytes(int(now.size / (at - self._began)))}B/s"
        click.echo(f"{self._what}: {now.items} of {now.items_total} {self._items}, {sizes}, {rate}", err=True)


@contextmanager
def _bar(what: str, items: str) -> Iterator[Callable[[Transfer], None]]:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from kubeque.cli.output.rich_console import open_console

    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    progress = Progress(*columns, console=open_console(), transient=True)
    line = progress.add_task(what, total=None)

    def tell(now: Transfer) -> None:
        progress.start()  # not earlier, because a question before the transfer may need the terminal
        text = f"{what} {now.items}/{now.items_total} {items}"
        progress.update(line, description=text, completed=now.size, total=now.size_total)

    try:
        yield tell
    finally:
        progress.stop()
