"""`kubeque go`, and what is said of a job whose canaries have ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice

import click

from kubeque.cli.connect import connect, job_argument, json_option
from kubeque.cli.output.job_text import as_wire, failures, summary
from kubeque.cli.output.terminal import duration
from kubeque.client import Client, Estimate, Progress
from kubeque.model.resources import format_bytes


@click.command()
@job_argument()
@json_option
@click.pass_context
def go(ctx: click.Context, job: str, as_json: bool) -> None:
    """Let the rest of JOB run, which sub --try held until its first rows had been looked at."""
    with connect(ctx) as client:
        progress = client.go(job)
        click.echo(json.dumps(as_wire(progress)) if as_json else summary(progress))


def held_hint(name: str) -> str:
    """What can be done with a job that is held."""
    return f"{name} is held: kubeque go {name} lets the rest run, kubeque kill {name} ends it"


def print_estimate(client: Client, progress: Progress, *, err: bool) -> None:
    """Print how the canaries ended and what they let expect."""
    name = progress.job.name
    for line in estimate_lines(name, client.estimate(name)):
        click.echo(line, err=err)
    for line in failures(islice(client.lines(name, state="failed"), 10)):
        click.echo(line, err=err)


def estimate_lines(name: str, found: Estimate) -> Iterator[str]:
    """An estimate in print."""
    yield f"{name}: {found.ok} of {found.canaries} canaries are ok"
    if found.seconds is not None:
        shortest, mean, longest = map(duration, found.seconds)
        yield f"  time    {mean} a task" + (f" ({shortest} to {longest})" if found.ok > 1 else "")
    if found.peak or found.memory:
        peak = f"peak {format_bytes(found.peak)}" if found.peak else "no peak was seen"
        asked = f", asked {format_bytes(found.memory)}" if found.memory else ""
        again = f", {found.oom} attempt{'s' * (found.oom != 1)} ran out of it" if found.oom else ""
        yield f"  memory  {peak}{asked}{again}"
    rest = f"{found.held} more task{'s' * (found.held != 1)}"
    with_whom = f"{found.consumers} consumer{'s' * (found.consumers != 1)}"
    yield f"  all     {rest} with {with_whom}" + (f": about {duration(found.left)}" if found.left is not None else "")
