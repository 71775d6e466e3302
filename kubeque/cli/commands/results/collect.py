"""`kubeque collect`: the table of a job as one file."""

from __future__ import annotations

import click

from kubeque.cli.connect import connect, job_argument


@click.command()
@job_argument()
@click.option("-o", "dest", required=True, metavar="FILE", help="File or URL to write, .csv or .parquet.")
@click.option("--infer", is_flag=True, help="Turn parameters that look like numbers into numbers (default: text).")
@click.pass_context
def collect(ctx: click.Context, job: str, dest: str, infer: bool) -> None:
    """Write the table of JOB: index, parameters, outcome, and the values that each task wrote to $KUBEQUE_OUT.

    A .parquet file needs 'kubeque[table]'.
    """
    with connect(ctx) as client:
        done = client.collect(job, dest, infer=infer)
    click.echo(f"{dest}: {done.rows} rows, {len(done.columns)} columns")
