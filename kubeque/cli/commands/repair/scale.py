"""`kubeque scale`: change the number of consumers of a job."""

from __future__ import annotations

import shlex

import click

from kubeque.cli.connect import connect, job_argument, json_option
from kubeque.cli.job_reference import exact_job
from kubeque.cli.output.job_text import print_job
from kubeque.client import Progress
from kubeque.model.stats.places import Kind, format_places
from kubeque.model.sweep.sweep import check_consumers
from kubeque.model.text import format_count


@click.command()
@job_argument()
@click.argument("consumers", type=int, metavar="CONSUMERS")
@json_option
@click.pass_context
def scale(ctx: click.Context, job: str, consumers: int, as_json: bool) -> None:
    """Set the number of consumers of JOB, even while JOB runs.

    The number governs the consumers of the cluster of JOB: processes of the machine of the submission, or pods. Users
    start the consumers of kubeque work, and kubeque send-home ends them; for these, kubeque wanted prints the number.

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
        click.echo("\n".join(describe_scale(progress)))


def describe_scale(progress: Progress) -> list[str]:
    """Return lines with the wanted and the running consumers, and with the places that `scale` does not govern."""
    job, name = progress.job, shlex.quote(progress.job.name)
    work = [place for place in progress.places if place.kind is Kind.WORK]
    others = sum(place.consumers for place in work)
    running = progress.consumers - others if job.runs_at_home else others
    verb = "runs" if running == 1 else "run"
    lines = [f"{job.name}: {format_count(job.consumers, 'consumer')} wanted, {running} {verb}"]
    if not job.runs_at_home:
        lines.append(f"only kubeque work starts consumers of this job: kubeque wanted {name} prints how many it wants")
    elif job.takes_work:
        more = f" ({format_places(work)})" if work else ""
        lines.append(f"this is the number for the cluster of the job, without the consumers of kubeque work{more}")
    return lines
