"""`kubeque start stop kill reset remove`: what changes a job or the place it runs in."""

from __future__ import annotations

import click

from kubeque.cli.connect import connect, job_argument
from kubeque.cli.report import summary
from kubeque.model.job import ResetRule


@click.command()
@click.pass_context
def start(ctx: click.Context) -> None:
    """Say what sweeps run on, and check that it works. Optional on one machine."""
    with connect(ctx) as client:
        click.echo(client.config.describe())
        if client.config.cluster_url == "local":
            click.echo("Nothing has to be started: consumers start with a job and leave when there is nothing to do.")


@click.command()
@click.pass_context
def stop(ctx: click.Context) -> None:
    """End the consumers of this machine. What they had not finished waits, and goes on with the next watch."""
    with connect(ctx) as client:
        count = client.stop()
    click.echo(f"{count} consumer{'s' * (count != 1)} stopped")


@click.command()
@job_argument()
@click.pass_context
def kill(ctx: click.Context, job: str) -> None:
    """Let nothing more of JOB run. What is ok stays; reset lets the rest run again."""
    with connect(ctx) as client:
        click.echo(summary(client.kill(job)))


@click.command()
@job_argument()
@click.option("--only-cause", multiple=True, metavar="CAUSE", help="Only tasks that ended by it, as in oom.")
@click.option("--all", "everything", is_flag=True, help="Tasks that are ok as well.")
@click.pass_context
def reset(ctx: click.Context, job: str, only_cause: tuple[str, ...], everything: bool) -> None:
    """Let the failed and killed tasks of JOB run again."""
    with connect(ctx) as client:
        click.echo(summary(client.reset(job, ResetRule(everything=everything, causes=only_cause))))


@click.command(context_settings={"ignore_unknown_options": True})
@job_argument()
@click.argument("value", type=int, metavar="PRIORITY")
@click.pass_context
def priority(ctx: click.Context, job: str, value: int) -> None:
    """Let consumers prefer JOB to jobs of lower PRIORITY (0 unless said, below 0 too), also while it runs.

    Consumers see it within five seconds; the command that runs goes on, what has not begun is given back. Jobs of one
    priority go in the order of submission.
    """
    with connect(ctx) as client:
        changed = client.prioritise(job, value)
    click.echo(f"{job}: priority {changed.priority}")


@click.command()
@job_argument()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def remove(ctx: click.Context, job: str, yes: bool) -> None:
    """Delete JOB and its results."""
    with connect(ctx) as client:
        found = client.job(job)
        if not yes:
            click.confirm(f"delete {job} with the results of its {found.n} tasks?", abort=True)
        client.remove(job)
    click.echo(f"{job} is removed")
