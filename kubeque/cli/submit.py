"""`kubeque sub`: from a command line to a job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from kubeque.cli.bar import transfer_shown
from kubeque.cli.connect import connect
from kubeque.cli.fetch import bring
from kubeque.cli.pods import pod_options, read_pod
from kubeque.cli.watch import follow
from kubeque.client import Client, Existing, Submitted
from kubeque.model.errors import CommandError, ResourceError, UserError
from kubeque.model.parameters import Rows, read_csv, sequence
from kubeque.model.sweep import Sweep


@click.command(context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False})
@click.option("-n", "--name", help="The job's name; without it a readable one is drawn.")
@click.option("-p", "--params", type=click.Path(), help="CSV with one row per task; its columns fill {column}.")
@click.option("--fetch", "dest", type=click.Path(), help="Bring the results into this folder at the end.")
@click.option("--no-wait", is_flag=True, help="Return once the job is submitted.")
@click.option("--revise", is_flag=True, help="The name is taken: run again what failed or changed.")
@click.option("--replace", is_flag=True, help="The name is taken: run all rows again.")
@click.option("-u", "--push", multiple=True, metavar="SRC[:DST]", help="Bring this file, folder or @list along.")
@click.option("--results", multiple=True, metavar="GLOB", help="Keep only such files.")
@click.option("--ignore", multiple=True, metavar="GLOB", help="Keep no such files.")
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="Set a variable for the command.")
@click.option("--shell", is_flag=True, help="Run the words in /bin/sh; values are quoted.")
@click.option("--cpu", help="Cores per task, as in 500m or 2.")
@click.option("--memory", help="Memory per task, as in 1.5Gi; more is used: ended, and tried with more.")
@click.option("--max-memory", help="How far memory may grow (default: 8 times).")
@click.option("--disk", help="Disk per task, as in 5Gi.")
@click.option("--image", help="Container image of the tasks.")
@click.option("--cluster", metavar="URL", help="local, or kubernetes://CONTEXT/NAMESPACE.")
@click.option("--consumers", type=int, help="Consumers at once (default here: one per core).")
@click.option("--priority", type=int, default=0, show_default=True, help="Jobs of higher priority go first.")
@click.option("--timeout", help="Longest a task may take, as in 30m.")
@click.option("--deadline", help="Longest the job may take, as in 12h.")
@click.option("--retries", multiple=True, metavar="CAUSE=N", help="Extra attempts by cause, as in lost=5.")
@click.option("--max-failures", type=int, help="End the job once so many tasks failed.")
@click.option("--allow-failed", default="0", help="Failed tasks that are still a success: 3 or 1%.")
@click.option("--series", default="", metavar="NAME", help="The recurring sweep that this is one of.")
@click.option("--skip-done", is_flag=True, help="Rows that were ok in the series already do not run again.")
@click.option("--results-ttl", metavar="TIME", help="How long gc leaves results alone, as in 30d (default: for ever).")
@pod_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def sub(
    ctx: click.Context, /, command: Sequence[str], dest: str | None, no_wait: bool, as_json: bool, **said: Any
) -> int:
    """Submit a sweep: run COMMAND once for each row of --params.

    {column} takes the row's value, ^file brings a file along. Options of kubeque stand before the command; all behind
    its first word is the command's own. Exit code: 0 success, 1 tasks failed, 2 wrong input, 130 stopped watching.
    """
    if not command:
        raise CommandError("there is no command: say what to run, as in kubeque sub python3 '^run.py'")
    sweep = read_sweep(command, said)
    with connect(ctx, cluster=said["cluster"]) as client:
        submitted = _submit(client, sweep, said)
        name = submitted.job.name
        if not as_json:
            click.echo(_said(submitted))
        if submitted.note:
            click.echo(f"{name}: no row is known to be done: {submitted.note}", err=True)
        if no_wait:
            if as_json:
                click.echo(json.dumps({"job": name, "uid": submitted.job.uid, "tasks": submitted.job.n}))
            return 0
        code = follow(client, name, as_json=as_json)
        if dest is not None:
            bring(client, name, Path(dest), quiet=as_json)
        return code


def read_sweep(command: Sequence[str], said: dict[str, Any]) -> Sweep:
    """The sweep that the options describe. Raises UserError."""
    return Sweep(
        command=list(command), rows=read_rows(said["params"]), name=said["name"], push=said["push"],
        shell=said["shell"], results=said["results"], ignore=said["ignore"], env=_pairs("--env", said["env"]),
        image=said["image"], cpu=said["cpu"], memory=said["memory"], max_memory=said["max_memory"], disk=said["disk"],
        consumers=said["consumers"], priority=said["priority"], task_timeout=said["timeout"],
        deadline=said["deadline"], retries=_counts(said["retries"]), max_failures=said["max_failures"],
        allow_failed=said["allow_failed"], series=said["series"], skip_done=said["skip_done"],
        results_ttl=said["results_ttl"], pod=read_pod(said),
    )  # fmt: skip


def read_rows(params: str | None) -> Rows:
    """The rows of a CSV file; one row without columns where none is given. Raises ParametersError."""
    return read_csv(lambda: open(str(params), "rb"), params) if params is not None else sequence(1)


def _submit(client: Client, sweep: Sweep, said: dict[str, Any]) -> Submitted:
    if said["revise"] and said["replace"]:
        raise UserError("--revise and --replace exclude each other: say one of them")
    existing = Existing.REVISE if said["revise"] else Existing.REPLACE if said["replace"] else Existing.REFUSE
    with transfer_shown("uploading", "files") as tell:
        return client.submit(sweep, existing=existing, progress=tell)


def _said(submitted: Submitted) -> str:
    job = submitted.job
    tasks = f"{job.n} task{'s' * (job.n != 1)}"
    what = {"made": "submitted", "adopted": "is there already, unchanged"}.get(submitted.what, submitted.what)
    done = f", {job.linked} of them done before" if job.linked and submitted.what != "adopted" else ""
    return f"{job.name}: {tasks} {what}{done}"


def _pairs(option: str, words: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UserError(f"{option} {word!r}: write NAME=VALUE")
        pairs[name] = value
    return pairs


def _counts(words: Sequence[str]) -> dict[str, int]:
    counts = {}
    for cause, value in _pairs("--retries", words).items():
        if not value.isdigit():
            raise ResourceError(f"--retries {cause}={value}: write a whole number, as in {cause}=3")
        counts[cause] = int(value)
    return counts
