"""`kubeque report`: the page about a job."""

from __future__ import annotations

import click

from kubeque.cli.connect import connect, job_argument


@click.command()
@job_argument()
@click.option("-o", "dest", required=True, help="The page to write, as in report.html.")
@click.pass_context
def report(ctx: click.Context, job: str, dest: str) -> None:
    """Write one page about JOB: counts, failures in groups, tasks, timeline, advice.

    It needs no network to be read. A job that has ended keeps one beside its results: `kubeque show JOB` says where
    those are.
    """
    with connect(ctx) as client:
        client.report(job, dest)
    click.echo(f"{dest}: open it in a browser")
