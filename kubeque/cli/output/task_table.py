"""The table of tasks that `status --tasks` and `show --sort` print."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice

import click

from kubeque.cli.output.job_text import task_cells
from kubeque.cli.output.terminal import Table, terminal_text
from kubeque.client import TaskRow
from kubeque.model.job.task import TaskState
from kubeque.model.rows.column_names import out_column

STATES = click.Choice([state.value for state in TaskState if state is not TaskState.UNKNOWN])
_FACTS = ("state", "cause", "exit_code", "seconds", "peak_memory", "files", "message")
#: Columns that a narrow screen leaves out first, in this order. The message says more than the others.
_MINOR = ("files", "peak_memory", "exit_code", "seconds", "cause", "message")
_RIGHT = frozenset({"index", *_FACTS[2:-1]})
#: Number of tasks at the start of the table from which the `out.*` columns are taken. JSON has all values.
_SAMPLE = 200


def print_tasks(lines: Iterable[TaskRow], *, as_json: bool) -> None:
    """Print one line for each task."""
    if as_json:
        for line in lines:
            click.echo(json.dumps(line.as_record()))
        return
    rest = iter(lines)
    first = list(islice(rest, _SAMPLE))
    if not first:
        click.echo("no task matches")
        return
    columns = list(first[0].parameters())
    outs = list(dict.fromkeys(name for line in first for name in line.out))
    headers = ["index", *map(terminal_text, columns), *_FACTS, *(terminal_text(out_column(name)) for name in outs)]
    table = Table(headers, right=_RIGHT, kept=frozenset({"index", "state"}), minor=_MINOR)
    table.print(_cells(chain(first, rest), outs))


def _cells(lines: Iterable[TaskRow], outs: list[str]) -> Iterator[list[str]]:
    for line in lines:
        values = line.out
        out = ("" if values.get(name) is None else terminal_text(values[name]) for name in outs)
        yield [str(line.view.index), *map(terminal_text, line.parameters().values()), *task_cells(line), *out]
