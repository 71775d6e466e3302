"""`kubeque resume`: end the pause of a job."""

from __future__ import annotations

import click

from kubeque.cli.connect import connect, job_argument, json_option
from kubeque.cli.job_reference import exact_job
from kubeque.cli.output.job_text import print_job


@click.command()
@job_argument()
@json_option
@click.pass_context
def resume(ctx: click.Context, job: str, as_json: bool) -> None:
    """End the pause of JOB: consumers start and run its tasks."""
    with connect(ctx) as client:
        job = exact_job(client, job, "resume", err=as_json)
        print_job(client.resume(job), as_json=as_json)
