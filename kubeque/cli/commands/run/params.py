"""`kubeque params`: print the rows of a job as CSV, for a new sweep."""

from __future__ import annotations

import click

from kubeque.cli.connect import connect, job_argument
from kubeque.cli.job_reference import find_job
from kubeque.cli.output.streams import write_data
from kubeque.cli.output.task_table import STATES


@click.command()
@job_argument()
@click.option("--state", type=STATES, help="Print only the rows of tasks in this state.")
@click.pass_context
def params(ctx: click.Context, job: str, state: str | None) -> None:
    """Print the rows of JOB as CSV that kubeque sub -p can read.

    For example: kubeque params JOB --state failed > again.csv
    """
    with connect(ctx) as client:
        job = find_job(client, job)
        for piece in client.rows_csv(job, state=state):
            write_data(piece)
