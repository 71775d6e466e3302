"""`kubeque remove`: delete a job and its results."""

from __future__ import annotations

import json

import click

from kubeque.cli.connect import connect, job_argument, json_option, yes_option
from kubeque.cli.output.interrupt import confirm


@click.command()
@job_argument()
@yes_option
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
