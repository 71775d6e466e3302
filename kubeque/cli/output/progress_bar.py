"""A transfer while it goes on: a bar with bytes and rate on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from kubeque.client import Transfer
from kubeque.model.resources import format_bytes

#: Seconds between plain lines. A transfer that is over before the first is not talked about.
_LINE_SECONDS = 5.0


@contextmanager
def show_transfer(what: str, items: str, *, quiet: bool = False) -> Iterator[Callable[[Transfer], None] | None]:
    """What to tell how far a transfer is. `what` is done, as in "uploading", to `items`, as in "files"."""
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
        self._began = self._said_at = time.monotonic()

    def __call__(self, now: Transfer) -> None:
        at = time.monotonic()
        if at - self._said_at < _LINE_SECONDS:
            return
        self._said_at = at
        sizes = f"{format_bytes(now.size)}B of {format_bytes(now.size_total)}B"
        rate = f"{format_bytes(int(now.size / (at - self._began)))}B/s"
        click.echo(f"{self._what}: {now.items} of {now.items_total} {self._items}, {sizes}, {rate}", err=True)


@contextmanager
def _bar(what: str, items: str) -> Iterator[Callable[[Transfer], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        line = progress.add_task(what, total=None)

        def tell(now: Transfer) -> None:
            text = f"{what} {now.items}/{now.items_total} {items}"
            progress.update(line, description=text, completed=now.size, total=now.size_total)

        yield tell
