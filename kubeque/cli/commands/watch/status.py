"""`kubeque status`: show the state of all jobs, of one job, or of its tasks."""

from __future__ import annotations

import shlex
from itertools import islice

import click

from kubeque.cli.commands.run.go import go_hint
from kubeque.cli.connect import connect, job_argument
from kubeque.cli.job_reference import find_job
from kubeque.cli.output.job_table import print_jobs
from kubeque.cli.output.job_text import next_step, print_job
from kubeque.cli.output.task_table import print_tasks
from kubeque.cli.row_options import row_options
from kubeque.client import Client, Progress
from kubeque.model.errors import UserError
from kubeque.model.job.row_selection import RowSelection


@click.command()
@job_argument(required=False)
@click.option(
    "--tasks",
    is_flag=True,
    help="Print one line per task: row, state, cause, exit code, and the values that it wrote to $KUBEQUE_OUT.",
)
@row_options("With --tasks: print")
@click.option(
    "--from",
    "first",
    type=click.IntRange(0),
    default=0,
    help="With --tasks: index of the first task to print (default: 0).",
)
@click.option("--limit", type=click.IntRange(1), help="With --tasks: maximum number of tasks to print (default: all).")
@click.option("--sort", metavar="COLUMN", help="With --tasks: sort by this column, for example 'running for'.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --tasks one object per line.")
@click.pass_context
def status(
    ctx: click.Context, job: str | None, tasks: bool, index: str | None, where: tuple[str, ...],
    states: tuple[str, ...], first: int, limit: int | None, sort: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Show the state of all jobs or of JOB. With --tasks, show the state of each task of JOB."""
    if tasks and job is None:
        raise UserError("--tasks needs a job: kubeque status JOB --tasks")
    rows = RowSelection.parse(index, where, states)
    if not tasks and (first or limit or sort is not None or not rows.is_empty):
        raise UserError("--index, --where, --state, --from, --limit and --sort are about tasks: add --tasks")
    if first and sort is not None:
        raise UserError("--from is an index, and --sort changes the order: leave out either option")
    with connect(ctx) as client:
        job = find_job(client, job) if job is not None else None
        if job is None:
            print_jobs(client, client.status, as_json=as_json)
        elif tasks:
            client.status(job)
            ranked = client.ranked(job, sort, top=limit, rows=rows) if sort is not None else None
            found = ranked if ranked is not None else islice(client.lines(job, rows=rows, first=first), limit)
            print_tasks(found, client.now, as_json=as_json)
        else:
            progress = client.status(job)
            print_job(progress, as_json=as_json)
            if not as_json and (hint := _find_hint(client, progress)):
                click.echo(hint)


def _find_hint(client: Client, progress: Progress) -> str:
    """Return the command to type next for the present state of a job; empty if no command is needed."""
    job = progress.job
    if job.closing is not None and not job.closing.success:
        return next_step(progress, client.failed_groups(progress), mapped=client.is_mapped(job.name))
    if progress.held:
        return go_hint(progress)
    return f"next: kubeque show {shlex.quote(job.name)} shows why tasks failed" if progress.counts.failed else ""
