"""`kubeque timeline report collect`: a job as a picture, as a page, as a table."""

from __future__ import annotations

from collections.abc import Sequence

import click

from kubeque.cli.connect import connect, job_argument
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


@click.command()
@job_argument()
@click.option("-o", "dest", required=True, help="File: .parquet or .csv.")
@click.option("--infer", is_flag=True, help="Parameters that look like numbers become numbers; else they stay text.")
@click.pass_context
def collect(ctx: click.Context, job: str, dest: str, infer: bool) -> None:
    """Write the table of JOB: index, parameters, how each task ended, and all that it wrote to $KUBEQUE_OUT.

    .parquet needs 'kubeque[table]'.
    """
    with connect(ctx) as client:
        done = client.collect(job, dest, infer=infer)
    click.echo(f"{dest}: {done.rows} rows, {len(done.columns)} columns")
