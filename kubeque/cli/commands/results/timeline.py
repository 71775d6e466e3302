"""`kubeque timeline`: draw the attempts of jobs."""

from __future__ import annotations

from collections.abc import Sequence

import click

from kubeque.cli.completion import complete_files
from kubeque.cli.connect import complete_jobs, connect
from kubeque.cli.job_reference import find_job
from kubeque.cli.output.notes import print_note, unfinished_note
from kubeque.client import By
from kubeque.model.text import format_count

_BY = click.Choice([str(by) for by in By])


@click.command()
@click.argument("jobs", nargs=-1, required=True, metavar="JOB [JOB ...]", shell_complete=complete_jobs)
@click.option(
    "--by", type=_BY, default=str(By.CONSUMER), show_default=True, help="Draw one lane for each consumer, task or job."
)
@click.option(
    "-o", "dest", required=True, metavar="FILE", shell_complete=complete_files,
    help="File or URL to write; its name ends with .html, .json, .csv or .png.",
)  # fmt: skip
@click.pass_context
def timeline(ctx: click.Context, jobs: Sequence[str], by: str, dest: str) -> None:
    """Draw where and when each attempt of JOB ran. The colour of an attempt shows how it ended.

    An .html file opens in any browser, without a network. A .json file opens in chrome://tracing or ui.perfetto.dev. A
    .csv file has one line per attempt. To write a .png file, install 'kubeque[picture]'. Running attempts are left out.
    """
    with connect(ctx) as client:
        names = list(dict.fromkeys(find_job(client, job) for job in jobs))
        unfinished = [unfinished_note(client, name) for name in names]
        count = client.timeline(names, dest, by=By(by))
    click.echo(f"{dest}: {format_count(count, 'attempt')}")
    for note in unfinished:
        print_note(note)
