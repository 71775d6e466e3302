"""`kubeque kill`: stop a job."""

from __future__ import annotations

import click

from kubeque.cli.connect import connect, job_argument, json_option
from kubeque.cli.output.job_text import print_job


@click.command()
@job_argument()
@json_option
@click.pass_context
def kill(ctx: click.Context, job: str, as_json: bool) -> None:
    """Stop JOB. Tasks that are ok stay ok; kubeque reset runs the others again."""
    with connect(ctx) as client:
        print_job(client.kill(job), as_json=as_json)
