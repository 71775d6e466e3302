"""`kubeque watch`: a job's progress until it has ended; a picture on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import sys
import time
from itertools import islice

import click

from kubeque.cli.commands.run.go import held_hint, print_estimate
from kubeque.cli.connect import connect, job_argument
from kubeque.cli.output.interrupt import Interrupted
from kubeque.cli.output.job_text import as_wire, failures, summary, way_on
from kubeque.cli.output.live_view import watch_live
from kubeque.client import Client, Progress

_LINE_SECONDS = 5.0


@click.command()
@job_argument()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.pass_context
def watch(ctx: click.Context, job: str, as_json: bool) -> int:
    """Watch JOB until it has ended. Exit code 0 if it is a success, 1 if not. Ctrl-C stops watching, not the job.

    A job that sub --try holds is watched until its first rows have ended; 0 if all of them are ok.
    """
    with connect(ctx) as client:
        last = follow(client, job, as_json=as_json)
        if last.held:
            print_estimate(client, last, err=as_json)
        return print_end(client, last, as_json=as_json)


def follow(client: Client, name: str, *, as_json: bool = False) -> Progress:
    """Watch a job until it has ended or is held. Ctrl-C says how to go on, and is Interrupted."""
    try:
        return watch_live(client, name) if sys.stderr.isatty() and not as_json else _plain(client, name, quiet=as_json)
    except KeyboardInterrupt:
        raise Interrupted(f"stopped watching; {name} goes on: kubeque watch {name}, or kubeque kill {name}") from None


def print_end(client: Client, last: Progress, *, as_json: bool = False) -> int:
    """Say how a job ended, or how one that is held goes on; the exit code."""
    name = last.job.name
    if last.held:
        click.echo(json.dumps(as_wire(last)) if as_json else held_hint(name))
        return 1 if last.counts.failed else 0
    success = last.job.closing is not None and last.job.closing.success
    if as_json:
        click.echo(json.dumps(as_wire(last)))
        return 0 if success else 1
    click.echo(summary(last))
    for line in failures(islice(client.lines(name, state="failed"), 10)):
        click.echo(line)
    if way := way_on(last):
        click.echo(way)
    return 0 if success else 1


def _plain(client: Client, name: str, *, quiet: bool) -> Progress:
    said, said_at = "", 0.0
    for progress in client.watch(name):
        text = summary(progress)
        over = progress.held or progress.job.closing is not None
        if not quiet and not over and text != said and time.monotonic() - said_at > _LINE_SECONDS:
            click.echo(text, err=True)
            said, said_at = text, time.monotonic()
    return progress
