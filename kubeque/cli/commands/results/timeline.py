"""`kubeque timeline report collect`: a job as a picture, as a page, as a table."""

from __future__ import annotations

from collections.abc import Sequence

import click

from kubeque.cli.connect import connect
from kubeque.client import By

_BY = click.Choice([str(by) for by in By])


@click.command()
@click.argument("jobs", nargs=-1, required=True, metavar="JOB [JOB ...]")
@click.option("--by", type=_BY, default=str(By.CONSUMER), show_default=True, help="What a lane is.")
@click.option("-o", "dest", required=True, help="File: .html, .json, .csv or .png.")
@click.pass_context
def timeline(ctx: click.Context, jobs: Sequence[str], by: str, dest: str) -> None:
    """Draw which attempt of JOB ran where and when, coloured by its cause.

    .html opens in any browser, without a network; .json in chrome://tracing or ui.perfetto.dev; .csv has one line for
    each attempt; .png needs 'kubeque[picture]'. Attempts that still run are not there yet.
    """
    with connect(ctx) as client:
        count = client.timeline(list(dict.fromkeys(jobs)), dest, by=By(by))
    click.echo(f"{dest}: {count} attempt{'s' * (count != 1)}")
