"""`kubeque params`: the rows of a job as a CSV file, to be swept over again."""

from __future__ import annotations

import sys

import click

from kubeque.cli.connect import connect, job_argument

_STATES = click.Choice(["held", "pending", "running", "ok", "failed", "killed"])


@click.command()
@job_argument()
@click.option("--state", type=_STATES, help="Only the rows of such tasks.")
@click.pass_context
def params(ctx: click.Context, job: str, state: str | None) -> None:
    """Print the rows of JOB as CSV, as in kubeque params JOB --state failed > again.csv; sub -p again.csv reads it."""
    with connect(ctx) as client:
        for piece in client.rows_csv(job, state=state):
            sys.stdout.buffer.write(piece.encode())  # whatever the locale: UTF-8, and no line end is translated
        sys.stdout.buffer.flush()
