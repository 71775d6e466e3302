"""`kubeque list`: list all jobs."""

from __future__ import annotations

from collections.abc import Sequence

import click

from kubeque.cli.connect import connect
from kubeque.cli.output.job_table import STANDINGS, print_jobs


@click.command("list")
@click.option("--state", "states", multiple=True, type=click.Choice(STANDINGS), help="List only jobs in this state.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array of jobs.")
@click.pass_context
def list_jobs(ctx: click.Context, states: Sequence[str], as_json: bool) -> None:
    """List all jobs, the newest last."""
    with connect(ctx) as client:
        print_jobs(client, client.progress, as_json=as_json, states=states)
