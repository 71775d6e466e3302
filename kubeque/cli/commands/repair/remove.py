"""`kubeque remove`: delete jobs and their results."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from functools import partial

import click

from kubeque.cli.connect import complete_jobs, connect, json_option, yes_option
from kubeque.cli.job_reference import exact_job
from kubeque.cli.output.interrupt import confirm
from kubeque.cli.output.terminal import terminal_text
from kubeque.client import Client
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import JobUnreadable, UserError
from kubeque.model.quantities import format_bytes, parse_duration
from kubeque.model.text import format_count

#: Number of jobs that the question names.
_NAMED = 5
#: Size of inputs that stay, bytes, from which the command names them. Nearly every job has a small input, its script.
_NOTED_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class _Doomed:
    """A job that the command will delete."""

    name: str
    #: uid of the job; empty if its record cannot be read.
    uid: str
    #: Number of tasks; None if the record cannot be read.
    tasks: int | None


@click.command()
@click.argument("jobs", metavar="[JOB]...", nargs=-1, shell_complete=complete_jobs)
@click.option("--ended", is_flag=True, help="Delete all jobs that have ended.")
@click.option("--older-than", metavar="TIME", help="Delete all jobs that ended more than TIME ago, for example 7d.")
@yes_option
@json_option
@click.pass_context
def remove(
    ctx: click.Context, jobs: Sequence[str], ended: bool, older_than: str | None, yes: bool, as_json: bool
) -> None:
    """Delete each JOB, its results, and the results of the jobs that it replaced.

    These are kept: folders into which results were fetched, and results to which other jobs link.

    JOB is an exact name, or @ for the last job, which is always confirmed on a terminal. The options --ended and
    --older-than delete only jobs that have ended.
    """
    age = parse_duration(older_than, "--older-than") if older_than is not None else 0.0 if ended else None
    if bool(jobs) == (age is not None):
        raise UserError("remove needs either names of jobs, or --ended or --older-than: give one of these three")
    with connect(ctx) as client:
        asks = sys.stdin.isatty() and not yes
        doomed = [_find(client, exact_job(client, job, "remove", asks=asks)) for job in dict.fromkeys(jobs)]
        if age is not None:
            doomed = _ended_before(client, time.time() - age)
        if not doomed:
            click.echo("[]" if as_json else f"no job has ended{f' more than {older_than} ago' if older_than else ''}")
            return
        if not yes:
            confirm(_question(doomed), err=as_json)
        inputs = client.remove_jobs([job.name for job in doomed], partial(_print_removed, as_json))
    if inputs >= _NOTED_BYTES:
        click.echo(
            f"inputs of {format_bytes(inputs)}B stay, because other jobs may use them: kubeque gc --yes deletes those"
            " that no job uses a day after their upload, and kubeque gc --now --yes deletes them now",
            err=True,
        )
    if as_json:
        records = [{"job": job.name, "uid": job.uid} for job in doomed]
        click.echo(json.dumps(records[0] if len(jobs) == 1 else records))


def _print_removed(as_json: bool, name: str, stays: Sequence[str]) -> None:
    if not as_json:
        click.echo(f"{terminal_text(name)} is removed")
    for note in stays:
        click.echo(terminal_text(f"{name}: {note}"), err=True)


def _find(client: Client, name: str) -> _Doomed:
    try:
        job = client.job(name)
    except JobUnreadable:
        return _Doomed(name, "", None)
    return _Doomed(name, job.uid, job.n)


def _ended_before(client: Client, end: float) -> list[_Doomed]:
    """Return the jobs that ended at or before the time `end`, Unix seconds."""
    ended = [job for job in client.jobs() if job.closing is not None and job.closing.at <= end]
    return [_Doomed(job.name, job.uid, job.n) for job in ended]


def _question(doomed: Sequence[_Doomed]) -> str:
    if len(doomed) == 1:
        job = doomed[0]
        name = terminal_text(job.name)
        if job.tasks is None:
            return f"delete {name} with its record, which cannot be read?"
        return f"delete {name} with the results of its {format_count(job.tasks, 'task')}?"
    names = ", ".join(terminal_text(job.name) for job in doomed[:_NAMED])
    more = f" and {len(doomed) - _NAMED} more" if len(doomed) > _NAMED else ""
    tasks = sum(job.tasks or 0 for job in doomed)
    return f"delete {len(doomed)} jobs ({names}{more}) with the results of their {format_count(tasks, 'task')}?"
