"""`kubeque remove`: delete a job and its results."""

from __future__ import annotations

import json
import sys

import click

from kubeque.cli.connect import connect, job_argument, json_option, yes_option
from kubeque.cli.job_reference import exact_job
from kubeque.cli.output.interrupt import confirm
from kubeque.model.errors import JobUnreadable


@click.command()
@job_argument()
@yes_option
@json_option
@click.pass_context
def remove(ctx: click.Context, job: str, yes: bool, as_json: bool) -> None:
    """Delete JOB and its results."""
    with connect(ctx) as client:
        job = exact_job(client, job, "remove", yes=sys.stdin.isatty() and not yes)
        try:
            found = client.job(job)
            what = f"the results of its {found.n} task{'s' * (found.n != 1)}"
            uid = found.uid
        except JobUnreadable:
            what, uid = "its record, which cannot be read", ""
        if not yes:
            confirm(f"delete {job} with {what}?", err=as_json)
        client.remove(job)
    click.echo(json.dumps({"job": job, "uid": uid}) if as_json else f"{job} is removed")
