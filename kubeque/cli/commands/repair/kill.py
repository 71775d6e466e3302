"""`kubeque kill`: stop a job, or some of its rows."""

from __future__ import annotations

import json
import shlex

import click

from kubeque.cli.connect import connect, job_argument, json_option
from kubeque.cli.job_reference import exact_job, find_job
from kubeque.cli.output.job_text import print_job, to_wire
from kubeque.cli.row_options import row_options
from kubeque.client import Client, KillEffect, Progress
from kubeque.model.errors import JobUnreadable
from kubeque.model.job.job_state import JobState
from kubeque.model.job.row_selection import RowSelection


@click.command()
@job_argument()
@row_options("Kill")
@click.option("--dry-run", is_flag=True, help="Print how many rows would be killed; kill nothing.")
@json_option
@click.pass_context
def kill(
    ctx: click.Context, job: str, index: str | None, where: tuple[str, ...], states: tuple[str, ...], dry_run: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Stop JOB, or only the rows that the options select.

    Tasks that are ok stay ok; kubeque reset can run the others again. If all tasks of JOB have ended already, JOB is
    only closed, as a success or a failure. If only some rows are killed, the other rows continue. JOB then ends as
    failed, unless --allow-failed of kubeque sub allows the killed rows. A kill deletes no result, so it asks only about
    the job @.
    """
    rows = RowSelection.parse(index, where, states)
    with connect(ctx) as client:
        if dry_run:
            effect = client.kill_rows(find_job(client, job), rows, dry_run=True)
            click.echo(
                json.dumps(effect.to_wire()) if as_json else f"{effect.describe(dry_run=True)}\nnothing was killed"
            )
            return
        job = exact_job(client, job, "kill", err=as_json)
        if rows.is_empty:
            _kill_job(client, job, as_json=as_json)
        else:
            effect = client.kill_rows(job, rows)
            _print_rows(effect, client.status(job), as_json=as_json)


def _kill_job(client: Client, job: str, *, as_json: bool) -> None:
    try:
        progress = client.kill(job)
    except JobUnreadable as error:
        click.echo(
            json.dumps({"job": job, "state": "killed", "reason": str(error)})
            if as_json
            else f"{job} is killed; {error}"
        )
        return
    print_job(progress, as_json=as_json)
    if progress.job.closing is not None and progress.job.state is not JobState.KILLED and not as_json:
        click.echo("nothing is killed: all tasks had ended")
    if progress.job.closing is None and not as_json:
        click.echo(f"next: kubeque watch {shlex.quote(job)}")


def _print_rows(effect: KillEffect, progress: Progress, *, as_json: bool) -> None:
    """Print the effect of the kill on the selected rows, then the state of the job and the command to type next."""
    if as_json:
        click.echo(json.dumps(to_wire(progress) | {"rows": effect.to_wire()}))
        return
    if not effect.is_empty:
        click.echo(effect.describe())
    print_job(progress, as_json=False)
    name = shlex.quote(effect.name)
    if effect.is_empty:
        click.echo(effect.describe())
    elif progress.job.closing is None:
        click.echo(f"next: kubeque watch {name}, or kubeque reset {name} --state killed to run the killed rows again")
    else:
        click.echo(f"next: kubeque reset {name} --state killed to run the killed rows again")
