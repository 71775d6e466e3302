"""`kubeque go`: run the held rows of a job. This module also prints the estimate from the canaries."""

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
    return f"{name} is held: kubeque go {name} runs the held tasks, kubeque kill {name} stops the job"


def failed_canary_hint(name: str) -> str:
    """Return a message about a held job whose canaries failed: how to find the cause, and how to repeat them."""
    name = shlex.quote(name)
    return (
        f"{name} is held, and canaries failed: kubeque explain {name} shows why; after a correction of the files,"
        f" kubeque reset {name} --update and kubeque watch {name} repeat the failed canaries; the other tasks stay held"
    )


def print_estimate(client: Client, progress: Progress, *, err: bool) -> None:
    """Print how the canaries ended, and how much time and memory the held tasks will probably take."""
    name = progress.job.name
    for line in format_estimate(name, client.estimate(name)):
        click.echo(line, err=err)
    for line in format_failures(islice(client.lines(name, state="failed"), 10)):
        click.echo(line, err=err)
