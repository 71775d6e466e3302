"""`kubeque scale`: change the number of consumers of a job."""

from __future__ import annotations

import click

from kubeque.cli.connect import connect, job_argument, json_option
from kubeque.cli.job_reference import exact_job
from kubeque.cli.output.job_text import print_job
from kubeque.model.sweep.sweep import check_consumers
from kubeque.model.text import format_count


@click.command()
@job_argument()
@click.argument("consumers", type=int, metavar="CONSUMERS")
@json_option
@click.pass_context
def scale(ctx: click.Context, job: str, consumers: int, as_json: bool) -> None:
    """Set the number of consumers of JOB, even while JOB runs.

    If tasks have different memory sizes, each size gets this number of consumers. Additional consumers start
    immediately. Surplus consumers are not killed, but leave after their current task.
    """
    check_consumers(consumers)
    with connect(ctx) as client:
        job = exact_job(client, job, "scale", err=as_json)
        progress = client.scale(job, consumers)
    if as_json:
        print_job(progress, as_json=True)
    else:
        wanted, running = progress.job.consumers, progress.consumers
        verb = "runs" if running == 1 else "run"
        click.echo(f"{job}: {format_count(wanted, 'consumer')} wanted, {running} {verb}")
