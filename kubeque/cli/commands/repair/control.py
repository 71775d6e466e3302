"""`kubeque kill reset priority scale remove`: what changes a job."""

from __future__ import annotations

import json

import click

from kubeque.cli.connect import connect, job_argument, json_option
from kubeque.cli.output.interrupt import confirm
from kubeque.cli.output.job_text import as_wire, summary
from kubeque.client import Progress
from kubeque.model.job.job import ResetRule
from kubeque.model.job.task import Cause

_CAUSES = click.Choice([cause.value for cause in Cause if cause is not Cause.OK])


def _say(progress: Progress, *, as_json: bool) -> None:
    click.echo(json.dumps(as_wire(progress)) if as_json else summary(progress))


@click.command()
@job_argument()
@json_option
@click.pass_context
def kill(ctx: click.Context, job: str, as_json: bool) -> None:
    """Let nothing more of JOB run. What is ok stays; reset lets the rest run again."""
    with connect(ctx) as client:
        _say(client.kill(job), as_json=as_json)


@click.command()
@job_argument()
@click.option("--only-cause", multiple=True, type=_CAUSES, help="Only tasks that ended by it, as in oom.")
@click.option("--all", "everything", is_flag=True, help="Tasks that are ok as well.")
@json_option
@click.pass_context
def reset(ctx: click.Context, job: str, only_cause: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Let the failed and killed tasks of JOB run again."""
    with connect(ctx) as client:
        progress = client.reset(job, ResetRule(everything=everything, causes=only_cause))
        _say(progress, as_json=as_json)
        if progress.job.closing is not None and not as_json:
            by = f" ended by {' or '.join(only_cause)}" if only_cause else " failed or was killed"
            click.echo(f"nothing is reset: no task{by}")


@click.command(context_settings={"ignore_unknown_options": True})
@job_argument()
@click.argument("value", type=int, metavar="PRIORITY")
@json_option
@click.pass_context
def priority(ctx: click.Context, job: str, value: int, as_json: bool) -> None:
    """Let consumers prefer JOB to jobs of lower PRIORITY (0 unless said, below 0 too), also while it runs.

    Consumers see it within five seconds; the command that runs goes on, what has not begun is given back. Jobs of one
    priority go in the order of submission.
    """
    with connect(ctx) as client:
        changed = client.prioritise(job, value)
        if as_json:
            _say(client.status(job), as_json=True)
        else:
            click.echo(f"{job}: priority {changed.priority}")


@click.command()
@job_argument()
@click.argument("consumers", type=int, metavar="CONSUMERS")
@json_option
@click.pass_context
def scale(ctx: click.Context, job: str, consumers: int, as_json: bool) -> None:
    """Let so many CONSUMERS serve JOB, also while it runs: of each class of memory, if there are several.

    More start at once. Where they are too many, those above leave when their task has ended: nothing is killed.
    """
    with connect(ctx) as client:
        progress = client.scale(job, consumers)
        if as_json:
            _say(progress, as_json=True)
        else:
            wanted, there = progress.job.consumers, progress.consumers
            verb = "is" if there == 1 else "are"
            click.echo(f"{job}: {wanted} consumer{'s' * (wanted != 1)} wanted, {there} {verb} there")


@click.command()
@job_argument()
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def remove(ctx: click.Context, job: str, yes: bool, as_json: bool) -> None:
    """Delete JOB and its results."""
    with connect(ctx) as client:
        found = client.job(job)
        if not yes:
            confirm(f"delete {job} with the results of its {found.n} task{'s' * (found.n != 1)}?", err=as_json)
        client.remove(job)
    click.echo(json.dumps({"job": job, "uid": found.uid}) if as_json else f"{job} is removed")
