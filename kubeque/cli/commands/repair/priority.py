"""`kubeque priority`: change the priority of a job."""

from __future__ import annotations

import click

from kubeque.cli.connect import connect, job_argument, json_option
from kubeque.cli.job_reference import exact_job
from kubeque.cli.output.job_text import print_job


@click.command(context_settings={"ignore_unknown_options": True})
@job_argument()
@click.argument("value", type=int, metavar="PRIORITY")
@json_option
@click.pass_context
def priority(ctx: click.Context, job: str, value: int, as_json: bool) -> None:
    """Set the priority of JOB, even while JOB runs. The default is 0; a priority can be negative.

    Consumers serve jobs of a higher priority first, and jobs of equal priority in the order of submission. They notice
    a change within five seconds. Commands that already run continue. Tasks that a consumer has taken but not begun go
    back to the queue.
    """
    with connect(ctx) as client:
        job = exact_job(client, job, "priority", err=as_json)
        changed = client.prioritise(job, value)
        if as_json:
            print_job(client.progress(job), as_json=True)
        else:
            click.echo(f"{job}: priority {changed.priority}")
