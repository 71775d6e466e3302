"""`kubeque replay`: a row again, here, and whether it ends the same."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from kubeque.cli.connect import connect, job_argument, json_option
from kubeque.cli.output.terminal import Table
from kubeque.client import Replayed
from kubeque.model.text import printable


@click.command()
@job_argument()
@click.argument("index", type=click.IntRange(0))
@click.option("--into", type=click.Path(path_type=Path), help="Run in this folder, which is not there yet.")
@json_option
@click.pass_context
def replay(ctx: click.Context, job: str, index: int, into: Path | None, as_json: bool) -> int:
    """Run task INDEX of JOB again on this machine: same inputs, row and environment, in a folder that stays.

    Then it is said how the outcome compares with the recorded one: exit code, streams and files by digest, out.*
    Nothing of the job changes. Exit code 0: the same, or nothing is recorded; 1: it differs.
    """
    with connect(ctx) as client:
        done = client.replay(job, index, into, echo=not as_json)
    if as_json:
        click.echo(json.dumps(as_wire(job, index, done)))
    else:
        for note in done.notes:
            click.echo(f"note: {note}", err=True)
        if done.compared:
            Table(["", "recorded", "here", ""]).print(_rows(done))
        click.echo(_verdict(done))
        click.echo(f"it is in {done.folder}; to run it by hand:")
        click.echo(f"  cd {shlex.quote(str(done.folder / 'work'))} && {printable(shlex.join(done.command), 2000)}")
    return 1 if done.same is False else 0


def as_wire(job: str, index: int, done: Replayed) -> dict[str, Any]:
    """A replay as `--json` prints it."""
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
        yield [printable(item.what), printable(item.recorded), printable(item.here), verdict]


def _verdict(done: Replayed) -> str:
    code = f" {done.code}" if done.code else ""
    if done.same is None:
        return f"it ended by {done.cause}{code}; no outcome is recorded to compare it with"
    differing = [printable(item.what) for item in done.compared if item.same is False]
    return f"it differs in {', '.join(differing)}" if differing else f"the same outcome: {done.cause}{code}"
