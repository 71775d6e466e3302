"""`kubeque explain`: show why a job or a task failed or is not running, and the command to type next."""

from __future__ import annotations

import json

import click

from kubeque.cli.connect import connect, job_argument, json_option
from kubeque.cli.job_reference import find_job


@click.command()
@job_argument()
@click.argument("index", type=click.IntRange(0), required=False)
@json_option
@click.pass_context
def explain(ctx: click.Context, job: str, index: int | None, as_json: bool) -> None:
    """Show why JOB or its task INDEX failed or is not running, what happens next, and which command to type.

    The command only reads: it starts nothing and changes nothing. If the store or the cluster does not respond, the
    explanation uses the queue alone.
    """
    with connect(ctx) as client:
        job = find_job(client, job)
        found = client.explain(job, index)
    if as_json:
        wire = {"job": job, "index": index, "cause": found.cause, "text": found.text, "next": found.command}
        click.echo(json.dumps(wire))
        return
    click.echo("\n".join([found.text, *(found.steps or [f"next: {found.command}"])]))
