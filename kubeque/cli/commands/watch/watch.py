"""`kubeque watch`: show the progress of a job until the job has ended, as a live view or as plain lines."""

from __future__ import annotations

import json
import sys
import time

import click

from kubeque.cli.commands.run.go import go_hint, print_estimate
from kubeque.cli.connect import connect, job_argument
from kubeque.cli.job_reference import find_job
from kubeque.cli.output.failure_lines import format_failed_groups, read_groups
from kubeque.cli.output.interrupt import Interrupted
from kubeque.cli.output.job_text import format_end, format_job, next_step, to_wire
from kubeque.cli.output.live_view import watch_live
from kubeque.cli.output.notes import print_notes
from kubeque.cli.output.retry_text import RetryPrinter
from kubeque.client import Client, Progress
from kubeque.model.stats.pace import Pace, format_pace

#: Seconds between two lines of plain output.
_LINE_SECONDS = 5.0


@click.command()
@job_argument()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.pass_context
def watch(ctx: click.Context, job: str, as_json: bool) -> int:
    """Watch JOB until it has ended. Ctrl-C stops watching; the job continues.

    If JOB was submitted with --try, watching ends when the first rows have ended and JOB is held. The exit code is then
    that of these rows. Exit code: 0 success, 1 failed tasks, 130 interrupted.
    """
    with connect(ctx) as client:
        job = find_job(client, job)
        for warning in client.version_warnings(client.job(job)):
            click.echo(warning, err=True)
        try:
            last = follow(client, job, as_json=as_json)
        except Interrupted as stop:
            raise Interrupted(f"{stop}{_rejoin_hint(client, job)}") from None
        if last.held:
            print_estimate(client, last, err=as_json)
        return print_end(client, last, as_json=as_json)


def _rejoin_hint(client: Client, name: str) -> str:
    """Return how a Python program waits for a job of `kubeque.map` again; empty for any other job."""
    if not client.is_mapped(name):
        return ""
    return f"; in Python, the same call of kubeque.map with name={name!r} waits for the job and returns its table"


def follow(client: Client, name: str, *, as_json: bool = False, later: str = "") -> Progress:
    """Watch a job until it has ended or is held, and return its last progress. Raises Interrupted on Ctrl-C.

    `later`: text to add to the message of Interrupted, about what the present command will not do.
    """
    try:
        if sys.stderr.isatty() and not as_json:
            return watch_live(client, name)
        return _watch_plain(client, name, quiet=as_json)
    except KeyboardInterrupt:
        text = f"stopped watching; {name} continues: kubeque watch {name}, or kubeque kill {name}"
        raise Interrupted(f"{text}{later}") from None


def print_end(
    client: Client, last: Progress, *, as_json: bool = False, fetches: bool = False, later: str = ""
) -> int:  # fmt: skip
    """Print how a job ended, or how to continue a held job. Return the exit code.

    `fetches`: True if the present command fetches the results afterwards. `later`: text to add for a held job, about
    what the present command will not do.
    """
    name = last.job.name
    if last.held:
        click.echo(json.dumps(to_wire(last)) if as_json else f"{go_hint(last)}{later}")
        return 1 if last.counts.failed else 0
    success = last.job.closing is not None and last.job.closing.success
    if as_json:
        click.echo(json.dumps(to_wire(last)))
        return 0 if success else 1
    click.echo(format_end(last))
    groups = read_groups(client, last)
    for line in format_failed_groups(client, name, groups):
        click.echo(line)
    if last.counts.ok:
        print_notes(client, name)
    if hint := next_step(last, client.failed_groups(last), fetches=fetches, mapped=client.is_mapped(name)):
        click.echo(hint)
    return 0 if success else 1


def _watch_plain(client: Client, name: str, *, quiet: bool) -> Progress:
    printed, printed_at = "", 0.0
    retries, pace = RetryPrinter(client, name), Pace()
    for progress in client.watch(name):
        text = format_job(progress)
        pace.add(time.monotonic(), progress.counts.ended)
        over = progress.held or progress.job.closing is not None
        if not quiet and not over and text != printed and time.monotonic() - printed_at > _LINE_SECONDS:
            click.echo(", ".join([text, *format_pace(progress.counts, pace)]), err=True)
            printed, printed_at = text, time.monotonic()
        if not quiet and not over:
            retries.print_new(progress, time.monotonic())
    return progress
