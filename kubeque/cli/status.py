"""`kubeque status`: all jobs, one job, or its tasks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from kubeque.cli.connect import connect
from kubeque.cli.report import as_wire, shown, summary, task_cells, word
from kubeque.client import Client
from kubeque.model.errors import UserError

if TYPE_CHECKING:
    from rich.table import Table

_HEADERS = ("state", "cause", "exit", "seconds", "peak", "files")
_STATES = click.Choice(["pending", "running", "ok", "failed", "killed"])


@click.command()
@click.argument("job", required=False)
@click.option("--tasks", is_flag=True, help="One line per task: parameters, state, cause, exit code.")
@click.option("--state", type=_STATES, help="With --tasks: only such tasks.")
@click.option("--json", "as_json", is_flag=True, help="JSON; with --tasks one object per line.")
@click.pass_context
def status(ctx: click.Context, job: str | None, tasks: bool, state: str | None, as_json: bool) -> None:
    """How all jobs stand, or JOB, or (--tasks) each of its tasks."""
    if tasks and job is None:
        raise UserError("--tasks needs the name of a job: kubeque status JOB --tasks")
    with connect(ctx) as client:
        if job is None:
            _all(client, as_json)
        elif tasks:
            client.status(job)
            _tasks(client, job, state, as_json)
        else:
            progress = client.status(job)
            click.echo(json.dumps(as_wire(progress)) if as_json else summary(progress))


def _all(client: Client, as_json: bool) -> None:
    found = [client.status(job.name) for job in client.jobs()]
    if as_json:
        click.echo(json.dumps([as_wire(progress) for progress in found]))
        return
    if not found:
        click.echo("no jobs yet: kubeque sub COMMAND submits one")
        return
    table = _table("job", "state", "tasks", "ok", "failed", "running", "pending", "killed")
    for progress in found:
        c = progress.counts
        cells = (c.total, c.ok, c.failed, c.running, c.pending, c.killed)
        table.add_row(shown(progress.job.name), word(progress), *map(str, cells))
    _print(table)


def _tasks(client: Client, name: str, state: str | None, as_json: bool) -> None:
    lines = client.lines(name, state=state)
    if as_json:
        for line in lines:
            click.echo(json.dumps(line.as_record()))
        return
    table = None
    for line in lines:
        columns = [column for column in line.row if column != "index"]
        if table is None:
            table = _table("index", *map(shown, columns), *_HEADERS)
        table.add_row(str(line.view.index), *(shown(line.row[column]) for column in columns), *task_cells(line))
    if table is None:
        click.echo(f"{name} has no such tasks")
    else:
        _print(table)


def _table(*headers: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for header in headers:
        table.add_column(header)
    return table


def _print(table: Table) -> None:
    from rich.console import Console

    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 10_000  # a file or a pipe: nothing is cut or wrapped
    console.print(table)
