"""`kubeque go`: run the held rows of a job. This module also prints the estimate from the canaries."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import click

from kubeque.cli.connect import connect, job_argument, json_option
from kubeque.cli.job_reference import exact_job
from kubeque.cli.output.job_text import format_failures, print_job
from kubeque.cli.output.terminal import duration
from kubeque.client import Client, Estimate, Progress
from kubeque.model.quantities import format_bytes


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
    """Return a message that tells how to continue a held job."""
    return f"{name} is held: kubeque go {name} runs the rest, kubeque kill {name} stops it"


def print_estimate(client: Client, progress: Progress, *, err: bool) -> None:
    """Print how the canaries ended, and how much time and memory the held tasks will probably take."""
    name = progress.job.name
    for line in format_estimate(name, client.estimate(name)):
        click.echo(line, err=err)
    for line in format_failures(islice(client.lines(name, state="failed"), 10)):
        click.echo(line, err=err)


def format_estimate(name: str, found: Estimate) -> Iterator[str]:
    """Yield the lines of an estimate."""
    yield f"{name}: {found.ok} of {found.canaries} canaries are ok"
    if found.seconds is not None:
        shortest, mean, longest = map(duration, found.seconds)
        yield f"  time    {mean} a task" + (f" ({shortest} to {longest})" if found.ok > 1 else "")
    if found.peak or found.memory:
        peak = f"peak {format_bytes(found.peak)}" if found.peak else "no peak was measured"
        requested = f", requested {format_bytes(found.memory)}" if found.memory else ""
        again = f", {found.oom} attempt{'s' * (found.oom != 1)} ran out of memory" if found.oom else ""
        yield f"  memory  {peak}{requested}{again}"
    rest = f"{found.held} more task{'s' * (found.held != 1)}"
    consumers = f"{found.consumers} consumer{'s' * (found.consumers != 1)}"
    yield f"  all     {rest} with {consumers}" + (f": about {duration(found.left)}" if found.left is not None else "")
