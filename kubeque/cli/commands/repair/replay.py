"""`kubeque replay`: run a task again on this machine and compare the outcomes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from kubeque.cli.connect import connect, job_argument, json_option
from kubeque.cli.job_reference import find_job
from kubeque.cli.output.table import Table
from kubeque.cli.output.terminal import terminal_text
from kubeque.client import Replayed


@click.command()
@job_argument()
@click.argument("index", type=click.IntRange(0))
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    help="New folder to run the task in (default: a folder below the current one).",
)
@json_option
@click.pass_context
def replay(ctx: click.Context, job: str, index: int, into: Path | None, as_json: bool) -> int:
    """Run task INDEX of JOB again on this machine, with the same inputs, row and environment.

    Then compare the exit code, the output, the files and the values in $KUBEQUE_OUT with the recorded ones. JOB does
    not change. The folder in which the task runs is kept. Exit code: 0 same outcome or no recorded outcome, 1 different
    outcome.
    """
    with connect(ctx) as client:
        job = find_job(client, job)
        done = client.replay(job, index, into, echo=not as_json)
    if as_json:
        click.echo(json.dumps(to_wire(job, index, done)))
    else:
        for note in done.notes:
            click.echo(f"note: {note}", err=True)
        if done.compared:
            Table(["", "recorded", "here", ""]).print(_rows(done))
        click.echo(_format_verdict(done))
        again = terminal_text(shlex.join(["sh", str(done.folder / "run.sh")]), 2000)
        click.echo(f"the folder of the replay is {done.folder}; to run the command again: {again}")
    return 1 if done.same is False else 0


def to_wire(job: str, index: int, done: Replayed) -> dict[str, Any]:
    """Return the result of a replay as the JSON object that `--json` prints."""
    return {
        "job": job, "index": index, "folder": str(done.folder), "command": done.command, "cause": done.cause,
        "exit_code": done.code, "same": done.same, "notes": list(done.notes),
        "compared": [
            {"what": item.what, "recorded": item.recorded, "here": item.here, "same": item.same}
            for item in done.compared
        ],
    }  # fmt: skip


def _rows(done: Replayed) -> Iterator[list[str]]:
    for item in done.compared:
        verdict = {True: "same", False: "differs", None: ""}[item.same]
        yield [terminal_text(item.what), terminal_text(item.recorded), terminal_text(item.here), verdict]


def _format_verdict(done: Replayed) -> str:
    code = f" {done.code}" if done.code else ""
    if done.same is None:
        return f"the task ended with {done.cause}{code}; there is no recorded outcome to compare with"
    differing = [terminal_text(item.what) for item in done.compared if item.same is False]
    return f"the outcome differs in {', '.join(differing)}" if differing else f"the same outcome: {done.cause}{code}"
