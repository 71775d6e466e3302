"""`kubeque wanted`: print the number of consumers that a job wants now. Programs that start `kubeque work` read it."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from kubeque.cli.connect import connect, job_argument, json_option
from kubeque.cli.job_reference import find_job


@click.command()
@job_argument()
@json_option
@click.pass_context
def wanted(ctx: click.Context, job: str, as_json: bool) -> None:
    """Print how many consumers JOB wants now: the number that it requests, or its unfinished tasks if they are fewer.

    A loop, an autoscaler or a cron line can run this command, and then start that many consumers with the command
    kubeque work. A paused or ended job wants none.
    """
    with connect(ctx) as client:
        found = client.wanted(find_job(client, job))
    click.echo(json.dumps(asdict(found)) if as_json else str(found.consumers))
