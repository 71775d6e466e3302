"""The table of jobs that `status` and `list` print."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress

import click

from kubeque.cli.output.job_text import format_obstacles, job_state, to_wire
from kubeque.cli.output.table import Table
from kubeque.cli.output.terminal import format_age, terminal_text
from kubeque.client import Client, Progress
from kubeque.model.errors import JobNotFound, JobUnreadable
from kubeque.model.job.job import Job

#: Maximum number of characters of a job name.
_NAME_CHARACTERS = 300
#: The words for the state of a job, which `--state` of `kubeque list` accepts.
STANDINGS = ("waiting", "running", "held", "paused", "success", "failed", "killed", "stopped", "resetting", "unknown")
_NUMBERS = ("tasks", "ok", "failed", "running", "pending", "killed", "priority")


def print_jobs(
    client: Client, read: Callable[[str], Progress], *, as_json: bool, states: Collection[str] = ()
) -> None:  # fmt: skip
    """Print the jobs of the queue, the newest last.

    `read`: function that gets the name of a job and returns its progress. `states`: words of STANDINGS; print only jobs
    in these states. An empty collection means all jobs.
    """
    found = [progress for progress in _read_each(client.jobs(), read) if not states or job_state(progress) in states]
    unreadable = client.unreadable_jobs() if not states or "unknown" in states else []
    if as_json:
        click.echo(json.dumps([*map(to_wire, found), *map(_unreadable_to_wire, unreadable)]))
        return
    if not found and not unreadable:
        chosen = f"no job is {' or '.join(states)}"
        click.echo(chosen if states else "no jobs yet: kubeque sub COMMAND submits one")
    if found:
        headers = ["job", "state", *_NUMBERS, "submitted"]
        Table(headers, right=frozenset(_NUMBERS), kept=frozenset({"state"}), whole=frozenset({"job"})).print(
            map(_row, found)
        )
    for progress in found:
        if progress.obstacles:
            click.echo(f"{terminal_text(progress.job.name)} {format_obstacles(progress)}")
    for error in unreadable:
        click.echo(f"{terminal_text(error.name)}: unknown: {terminal_text(str(error), 400)}")


def _read_each(jobs: Iterable[Job], read: Callable[[str], Progress]) -> Iterator[Progress]:
    for job in jobs:
        with suppress(JobNotFound):  # the job was removed meanwhile
            yield read(job.name)


def _unreadable_to_wire(error: JobUnreadable) -> dict[str, str]:
    return {"job": error.name, "state": "unknown", "needs": error.needs, "reason": str(error)}


def _row(progress: Progress) -> list[str]:
    counts, job = progress.counts, progress.job
    numbers = (
        counts.total, counts.ok, counts.failed, counts.running, counts.pending + counts.held, counts.killed,
        job.priority,
    )  # fmt: skip
    age = format_age(job.created, time.time())
    return [terminal_text(job.name, _NAME_CHARACTERS), job_state(progress), *map(str, numbers), age]
