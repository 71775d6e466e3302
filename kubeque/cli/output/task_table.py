"""The table of tasks that `status --tasks` and `show --sort` print."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

import click

from kubeque.cli.output.job_text import task_cells
from kubeque.cli.output.running_text import RUNNING_HEADERS, is_running, running_cells, running_facts
from kubeque.cli.output.table import Table
from kubeque.cli.output.terminal import terminal_text
from kubeque.client import TaskRow
from kubeque.model.job.row_selection import SELECTABLE_STATES
from kubeque.model.rows.column_names import out_column

STATES = click.Choice(SELECTABLE_STATES)
_FACTS = ("state", "cause", "exit_code", "seconds", "peak_memory", "files", "message")
#: Columns that a narrow screen leaves out first, in this order. The message is the last one, because it has the most
#: information.
_MINOR = ("files", "peak_memory", "exit_code", "seconds", "cause", "message")
_RIGHT = frozenset({"index", *_FACTS[2:-1]})
#: Number of tasks at the start of the table from which the `out.*` columns are taken. JSON has all values.
_SAMPLE = 200


def print_tasks(lines: Iterable[TaskRow], now: Callable[[], float], *, as_json: bool) -> None:
    """Print one line for each task. `now`: function that returns the time of the queue's clock, Unix seconds."""
    if as_json:
        for line in lines:
            running = {f"running.{key}": value for key, value in (running_facts(line) or {}).items()}
            click.echo(json.dumps(running | line.as_record()))
        return
    rest = iter(lines)
    first = list(islice(rest, _SAMPLE))
    if not first:
        click.echo("no task matches")
        return
    columns = list(first[0].parameters())
    outs = list(dict.fromkeys(name for line in first for name in line.out))
    now_at = now() if any(map(is_running, first)) else None
    headings = RUNNING_HEADERS if now_at is not None else ()
    headers = [
        "index", *map(terminal_text, columns), *_FACTS, *headings, *(terminal_text(out_column(name)) for name in outs)
    ]  # fmt: skip
    kept = frozenset({"index", "state", *RUNNING_HEADERS})
    table = Table(headers, right=_RIGHT, kept=kept, minor=_MINOR)
    table.print(_cells(chain(first, rest), outs, now_at))


def _cells(lines: Iterable[TaskRow], outs: list[str], now: float | None) -> Iterator[list[str]]:
    """Yield the table cells of each task. `outs`: names of the `out.*` columns.

    `now`: time of the queue's clock, Unix seconds; None for a table without the columns of running tasks.
    """
    for line in lines:
        values = line.out
        out = ("" if values.get(name) is None else terminal_text(values[name]) for name in outs)
        running = [] if now is None else running_cells(line, now)
        parameters = map(terminal_text, line.parameters().values())
        yield [str(line.view.index), *parameters, *task_cells(line), *running, *out]
