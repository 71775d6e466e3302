"""`kubeque status` and `kubeque list`: all jobs, one job, or its tasks."""

from __future__ import annotations

import json
import time
from itertools import islice

import click

from kubeque.cli.connect import connect, job_argument
from kubeque.cli.output.job_text import as_wire, summary, way_on, word
from kubeque.cli.output.task_table import STATES, print_tasks
from kubeque.cli.output.terminal import Table, age
from kubeque.client import Client, Progress
from kubeque.model.errors import UserError
from kubeque.model.text import printable

_NUMBERS = ("tasks", "ok", "failed", "running", "pending", "killed", "priority")


@click.command()
@job_argument(required=False)
@click.option("--tasks", is_flag=True, help="One line per task: parameters, state, cause, exit code, out.*")
@click.option("--state", type=STATES, help="With --tasks: only such tasks.")
@click.option("--from", "first", type=click.IntRange(0), default=0, help="With --tasks: begin at this index.")
@click.option("--limit", type=click.IntRange(1), help="With --tasks: no more than so many.")
@click.option("--json", "as_json", is_flag=True, help="JSON; with --tasks one object per line.")
@click.pass_context
def status(
    ctx: click.Context, job: str | None, tasks: bool, state: str | None, first: int, limit: int | None, as_json: bool
) -> None:
    """How all jobs stand, or JOB, or (--tasks) each of its tasks."""
    if tasks and job is None:
        raise UserError("--tasks needs the name of a job: kubeque status JOB --tasks")
    if not tasks and (state or first or limit):
        raise UserError("--state, --from and --limit choose among tasks: say --tasks as well")
    with connect(ctx) as client:
        if job is None:
            _all(client, as_json=as_json)
        elif tasks:
            client.status(job)
            print_tasks(islice(client.lines(job, state=state, first=first), limit), as_json=as_json)
        else:
            progress = client.status(job)
            click.echo(json.dumps(as_wire(progress)) if as_json else summary(progress))
            if not as_json and (way := way_on(progress)):
                click.echo(way)


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="A JSON array of jobs.")
@click.pass_context
def list_jobs(ctx: click.Context, as_json: bool) -> None:
    """All jobs, the newest last."""
    with connect(ctx) as client:
        _all(client, as_json=as_json)


def _all(client: Client, *, as_json: bool) -> None:
    found = [client.status(job.name) for job in client.jobs()]
    unreadable = client.unreadable_jobs()
    if as_json:
        left_alone = [
            {"job": error.name, "state": "unknown", "needs": error.needs, "reason": str(error)} for error in unreadable
        ]
        click.echo(json.dumps([*(as_wire(progress) for progress in found), *left_alone]))
        return
    if not found and not unreadable:
        click.echo("no jobs yet: kubeque sub COMMAND submits one")
    if found:
        _print_table(found)
    for error in unreadable:
        click.echo(f"{printable(error.name)}: unknown: {printable(str(error), 400)}")


def _print_table(found: list[Progress]) -> None:
    rows = []
    for progress in found:
        c, job = progress.counts, progress.job
        numbers = (c.total, c.ok, c.failed, c.running, c.pending + c.held, c.killed, job.priority)
        rows.append([printable(job.name), word(progress), *map(str, numbers), age(job.created, time.time())])
    Table(["job", "state", *_NUMBERS, "submitted"], right=frozenset(_NUMBERS), kept=frozenset({"job"})).print(rows)
