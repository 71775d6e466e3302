"""`kubeque go`: run the held rows of a job. This module also prints the estimate from the trial."""

from __future__ import annotations

import shlex
from itertools import islice

import click

from kubeque.cli.connect import connect, job_argument, json_option
from kubeque.cli.job_reference import exact_job
from kubeque.cli.output.job_text import format_failures, print_job
from kubeque.client import Client, Progress
from kubeque.model.stats.estimate import format_estimate


@click.command()
@job_argument()
@json_option
@click.pass_context
def go(ctx: click.Context, job: str, as_json: bool) -> None:
    """Run the rows of JOB that kubeque sub --try held back."""
    with connect(ctx) as client:
        job = exact_job(client, job, "go", err=as_json)
        print_job(client.go(job), as_json=as_json)


def held_hint(name: str) -> str:
    """Return a message about how to continue or stop a held job."""
    name = shlex.quote(name)
    return f"{name} is held: kubeque go {name} runs the held tasks, kubeque kill {name} stops the job"


def go_hint(held: Progress) -> str:
    """Return a message about how to continue a held job. If rows of its trial failed: how to repeat the trial."""
    if not held.counts.failed:
        return held_hint(held.job.name)
    name = shlex.quote(held.job.name)
    return (
        f"{name} is held, and rows of its trial failed: kubeque explain {name} shows why; after a correction of the"
        f" files, kubeque reset {name} --update and kubeque watch {name} repeat the failed rows; the other rows stay"
        " held"
    )


def print_estimate(client: Client, progress: Progress, *, err: bool) -> None:
    """Print how the trial ended, and how much time and memory the held tasks will probably take."""
    name = progress.job.name
    for line in format_estimate(name, client.estimate(name)):
        click.echo(line, err=err)
    for line in format_failures(islice(client.lines(name, state="failed"), 10)):
        click.echo(line, err=err)
