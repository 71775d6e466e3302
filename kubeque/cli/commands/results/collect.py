"""`kubeque collect`: the table of a job as CSV or Parquet."""

from __future__ import annotations

import click

from kubeque.cli.connect import connect, job_argument


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
