"""`kubeque sub`: from a command line to a job. What a sweep can be is in `cli.options`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from kubeque.cli.asked import read_sweep, understand
from kubeque.cli.bar import transfer_shown
from kubeque.cli.connect import connect
from kubeque.cli.fetch import bring
from kubeque.cli.options import as_jobspec, sweep_options
from kubeque.cli.screen import shown
from kubeque.cli.watch import follow
from kubeque.client import Client, Existing, Plan, Submitted
from kubeque.model.asking import VERSION
from kubeque.model.errors import UserError
from kubeque.model.jobspec import Asked
from kubeque.model.resources import format_bytes


@click.command(context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False})
@click.option("-f", "--file", metavar="JOBSPEC", help="Read all of this from a JSON file; options go before it.")
@sweep_options
@click.option("--revise", is_flag=True, help="The name is taken: run again what failed or changed.")
@click.option("--replace", is_flag=True, help="The name is taken: run all rows again.")
@click.option("--dry-run", is_flag=True, help="Print the jobspec and what would happen; submit nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def sub(
    ctx: click.Context, /, command: Sequence[str], file: str | None, revise: bool, replace: bool, dry_run: bool,
    as_json: bool, **said: Any,
) -> int:  # fmt: skip
    """Submit a sweep: run COMMAND once for each row of --params or --grid, or --repeat times.

    {column} takes the row's value, ^file brings a file along. Options of kubeque stand before the command; all behind
    its first word is the command's own. Exit code: 0 success, 1 tasks failed, 2 wrong input, 130 stopped watching.
    """
    options = as_jobspec(said)
    if revise and replace:
        raise UserError("--revise and --replace exclude each other: say one of them")
    existing = Existing.REVISE if revise else Existing.REPLACE if replace else Existing.REFUSE
    asked = understand(command, options, file)
    with connect(ctx, cluster=asked.get("cluster")) as client:
        sweep = read_sweep(client, asked)
        if dry_run:
            _tell(asked, client.plan(sweep), as_json)
            return 0
        with transfer_shown("uploading", "files") as tell:
            submitted = client.submit(sweep, existing=existing, progress=tell)
        if not as_json:
            click.echo(_said(submitted))
        if submitted.note:
            click.echo(f"{submitted.job.name}: no row is known to be done: {submitted.note}", err=True)
        return _act(client, submitted, asked, as_json)


def _act(client: Client, submitted: Submitted, asked: Asked, as_json: bool) -> int:
    """Wait and fetch, as far as that is asked for; the exit code."""
    name = submitted.job.name
    if asked.get("no_wait"):
        if as_json:
            click.echo(json.dumps({"job": name, "uid": submitted.job.uid, "tasks": submitted.job.n}))
        return 0
    code = follow(client, name, as_json=as_json)
    if "fetch" in asked and code in (0, 1):
        bring(client, name, Path(asked["fetch"]), quiet=as_json)
    return code


def _said(submitted: Submitted) -> str:
    job = submitted.job
    tasks = f"{job.n} task{'s' * (job.n != 1)}"
    what = {"made": "submitted", "adopted": "is there already, unchanged"}.get(submitted.what, submitted.what)
    done = f", {job.linked} of them done before" if job.linked and submitted.what != "adopted" else ""
    return f"{job.name}: {tasks} {what}{done}"


def _tell(asked: Asked, plan: Plan, as_json: bool) -> None:
    """The jobspec to where it can be kept, the plan for people beside it; or both as one object."""
    asked = {"version": VERSION, **asked}
    if as_json:
        click.echo(json.dumps({"jobspec": asked, "plan": plan.to_wire()}))
        return
    click.echo(json.dumps(asked, indent=2, ensure_ascii=False))
    for line in _plan_lines(asked, plan):
        click.echo(line, err=True)


def _plan_lines(asked: Asked, plan: Plan) -> list[str]:
    lines = [f"{plan.tasks} task{'s' * (plan.tasks != 1)} for {plan.consumers} consumer{'s' * (plan.consumers != 1)}"]
    if plan.contents:
        lines.append(
            f"{plan.contents} file{'s' * (plan.contents != 1)} of {format_bytes(plan.bytes)} to bring, {plan.there} of "
            f"them there already: {format_bytes(plan.bytes_to_send)} would be sent"
        )
    lines += [f"  {index}: {shown(shlex.join(command))}" for index, command in enumerate(plan.commands)]
    if plan.tasks > len(plan.commands):
        lines.append(f"  ... and {plan.tasks - len(plan.commands)} more")
    if plan.name != "new":
        state = {
            "unchanged": "is there already and asks for the same",
            "taken": "is taken: it takes --revise or --replace",
        }
        lines.append(f"the name {asked['name']} {state[plan.name]}")
    return [*lines, "nothing was submitted"]
