"""`kubeque kill`: stop a job."""

from __future__ import annotations

import json
import shlex

import click

from kubeque.cli.connect import connect, job_argument, json_option
from kubeque.cli.job_reference import exact_job
from kubeque.cli.output.job_text import print_job
from kubeque.model.errors import JobUnreadable


@click.command()
@job_argument()
@json_option
@click.pass_context
def kill(ctx: click.Context, job: str, as_json: bool) -> None:
    """Stop JOB. Tasks that are ok stay ok; kubeque reset runs the others again.

    If all tasks of JOB have ended, JOB is not stopped but closed, as a success or a failure.
    """
    with connect(ctx) as client:
        job = exact_job(client, job, "kill", err=as_json)
        try:
            progress = client.kill(job)
        except JobUnreadable as error:
            click.echo(
                json.dumps({"job": job, "state": "killed", "reason": str(error)})
                if as_json
                else f"{job} is killed; {error}"
            )
            return
    print_job(progress, as_json=as_json)
    if progress.job.closing is not None and not progress.counts.killed and not as_json:
        click.echo("nothing is killed: all tasks had ended")
    if progress.job.closing is None and not as_json:
        click.echo(f"next: kubeque watch {shlex.quote(job)}")
