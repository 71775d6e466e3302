"""The table of jobs that `status` and `list` print."""

from __future__ import annotations

import json
import time

import click

from kubeque.cli.output.job_text import job_state, to_wire
from kubeque.cli.output.terminal import Table, format_age
from kubeque.client import Client, Progress
from kubeque.model.errors import JobUnreadable
from kubeque.model.text import printable

_NUMBERS = ("tasks", "ok", "failed", "running", "pending", "killed", "priority")


def print_jobs(client: Client, *, as_json: bool) -> None:
    """Print all jobs of the queue, the newest last."""
    found = [client.status(job.name) for job in client.jobs()]
    unreadable = client.unreadable_jobs()
    if as_json:
        click.echo(json.dumps([*map(to_wire, found), *map(_unreadable_to_wire, unreadable)]))
        return
    if not found and not unreadable:
        click.echo("no jobs yet: kubeque sub COMMAND submits one")
    if found:
        headers = ["job", "state", *_NUMBERS, "submitted"]
        Table(headers, right=frozenset(_NUMBERS), kept=frozenset({"job"})).print(map(_row, found))
    for error in unreadable:
        click.echo(f"{printable(error.name)}: unknown: {printable(str(error), 400)}")


def _unreadable_to_wire(error: JobUnreadable) -> dict[str, str]:
    return {"job": error.name, "state": "unknown", "needs": error.needs, "reason": str(error)}


def _row(progress: Progress) -> list[str]:
    counts, job = progress.counts, progress.job
    numbers = (
        counts.total, counts.ok, counts.failed, counts.running, counts.pending + counts.held, counts.killed,
        job.priority,
    )  # fmt: skip
    age = format_age(job.created, time.time())
    return [printable(job.name), job_state(progress), *map(str, numbers), age]
