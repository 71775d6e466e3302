"""`kubeque pause`: pause a job, so that no further tasks start."""

from __future__ import annotations

import click

from kubeque.cli.connect import connect, job_argument, json_option
from kubeque.cli.job_reference import exact_job
from kubeque.cli.output.job_text import print_job


@click.command()
@job_argument()
@json_option
@click.pass_context
def pause(ctx: click.Context, job: str, as_json: bool) -> None:
    """Pause JOB: running tasks finish, and no other task starts until kubeque resume.

    Consumers notice the pause within five seconds. They give back the tasks that have not begun, and end if no other
    job has work for them. The pause does not extend the deadline of JOB.
    """
    with connect(ctx) as client:
        job = exact_job(client, job, "pause", err=as_json)
        print_job(client.pause(job), as_json=as_json)
