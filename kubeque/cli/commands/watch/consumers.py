"""`kubeque consumers`: list the consumers that have tasks now."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime

import click

from kubeque.cli.connect import connect, job_argument
from kubeque.cli.job_reference import find_job
from kubeque.cli.output.table import Table
from kubeque.cli.output.terminal import duration, format_age, terminal_text
from kubeque.client import ActiveConsumer

_HEADERS = ("place", "kind", "job", "runs", "for", "reserved", "done", "since", "heartbeat", "consumer")
_TABLE = Table(
    _HEADERS, right=frozenset({"runs", "for", "reserved", "done"}), kept=frozenset({"place"}),
    minor=("kind", "reserved", "done", "since"), whole=frozenset({"consumer"}),
)  # fmt: skip


@click.command()
@job_argument(required=False)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array of consumers.")
@click.pass_context
def consumers(ctx: click.Context, job: str | None, as_json: bool) -> None:
    """List the consumers that have tasks of JOB, or of all jobs, with their places: machines or pods.

    A consumer without a task is not listed, because the queue does not know it. The column done counts the attempts
    that the consumer has ended in its present blocks of at most 256 tasks; kubeque report counts all attempts.
    """
    with connect(ctx) as client:
        job = find_job(client, job) if job is not None else None
        found, now = client.consumers(job), client.now()
    if as_json:
        click.echo(json.dumps([_to_wire(each) for each in found]))
    elif found:
        _TABLE.print(_row(each, now) for each in found)
    elif job is None:
        click.echo("no consumer has tasks now")
    else:
        click.echo(f"no consumer has tasks of {job} now: kubeque explain {shlex.quote(job)} shows why")


def _row(each: ActiveConsumer, now: float) -> list[str]:
    runs = "" if each.running is None else str(each.running)
    seconds = "" if each.running_since is None else duration(max(0.0, now - each.running_since))
    kind = f"{each.place.kind}, leaves" if each.leaves else each.place.kind
    texts = [each.place.name, kind, each.job, runs, seconds, str(each.reserved), str(each.done)]
    ages = [format_age(each.since, now), format_age(each.heartbeat, now)]
    return [*map(terminal_text, texts), *ages, terminal_text(each.name)]


def _to_wire(each: ActiveConsumer) -> dict[str, object]:
    return {
        "consumer": each.name, "kind": str(each.place.kind), "place": each.place.name, "job": each.job,
        "reserved": each.reserved, "running": each.running,
        "running_since": None if each.running_since is None else _iso(each.running_since),
        "done": each.done, "since": _iso(each.since), "heartbeat": _iso(each.heartbeat),
        "leaves": each.leaves,
    }  # fmt: skip


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
