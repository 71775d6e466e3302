"""`kubeque watch`: a job's progress until it has ended; a picture on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import sys
import time
from itertools import islice

import click

from kubeque.cli.connect import connect, job_argument
from kubeque.cli.live import watch_live
from kubeque.cli.report import as_wire, failures, summary
from kubeque.client import Client, Progress

_LINE_SECONDS = 5.0


@click.command()
@job_argument()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.pass_context
def watch(ctx: click.Context, job: str, as_json: bool) -> int:
    """Watch JOB until it has ended. Exit code 0 if it is a success, 1 if not. Ctrl-C stops watching, not the job."""
    with connect(ctx) as client:
        return follow(client, job, as_json=as_json)


def follow(client: Client, name: str, *, as_json: bool = False) -> int:
    """Watch a job and say how it ended; 130 if the user stopped watching."""
    try:
        last = watch_live(client, name) if sys.stderr.isatty() and not as_json else _plain(client, name, quiet=as_json)
    except KeyboardInterrupt:
        click.echo(f"\nstopped watching; {name} goes on: kubeque watch {name}, or kubeque kill {name}", err=True)
        return 130
    success = last.job.closing is not None and last.job.closing.success
    if as_json:
        click.echo(json.dumps(as_wire(last)))
        return 0 if success else 1
    click.echo(summary(last))
    for line in failures(islice(client.lines(name, state="failed"), 10)):
        click.echo(line)
    return 0 if success else 1


def _plain(client: Client, name: str, *, quiet: bool) -> Progress:
    said, said_at = "", 0.0
    for progress in client.watch(name):
        text = summary(progress)
        if not quiet and progress.job.closing is None and text != said and time.monotonic() - said_at > _LINE_SECONDS:
            click.echo(text, err=True)
            said, said_at = text, time.monotonic()
    return progress
