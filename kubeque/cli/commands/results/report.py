"""`kubeque report`: write a page about a job."""

from __future__ import annotations

import click

from kubeque.cli.completion import complete_files
from kubeque.cli.connect import connect, job_argument
from kubeque.cli.job_reference import find_job
from kubeque.cli.output.notes import print_note, unfinished_note


@click.command()
@job_argument()
@click.option(
    "-o", "dest", required=True, metavar="FILE", shell_complete=complete_files,
    help="File or URL to write, for example report.html.",
)  # fmt: skip
@click.pass_context
def report(ctx: click.Context, job: str, dest: str) -> None:
    """Write a page about JOB with counts, grouped failures, tasks, timeline and advice.

    The page can be read without a network. When a job ends, kubeque also stores such a page with the results of the
    job. kubeque show JOB prints the URL of the results.
    """
    with connect(ctx) as client:
        job = find_job(client, job)
        unfinished = unfinished_note(client, job)
        client.report(job, dest)
    click.echo(f"{dest}: open it in a browser")
    print_note(unfinished)
