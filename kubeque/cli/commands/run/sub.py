"""`kubeque sub`: from a command line to a job. What a sweep can be is in `cli.options`."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from typing import Any

import click

from kubeque.cli.commands.results.fetch import bring
from kubeque.cli.commands.run.go import tell, ways_on
from kubeque.cli.commands.watch.watch import conclude, look
from kubeque.cli.connect import connect, json_option
from kubeque.cli.output.interrupt import Interrupted, saying
from kubeque.cli.output.progress_bar import transfer_shown
from kubeque.cli.sweep_options import as_jobspec, sweep_options
from kubeque.cli.sweep_request import read_sweep, understand
from kubeque.client import Client, Existing, Plan, Progress, Submitted
from kubeque.model.errors import JobNotFound, UserError
from kubeque.model.job.job import Job
from kubeque.model.resources import format_bytes
from kubeque.model.sweep.jobspec import Asked
from kubeque.model.sweep.options import VERSION
from kubeque.model.sweep.sweep import Sweep, named
from kubeque.model.text import printable

_NOTHING = "interrupted; nothing was submitted: the same command again sends only what is not there yet"


@click.command(context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False})
@click.option("-f", "--file", metavar="JOBSPEC", help="Read all of this from a JSON file; options go before it.")
@sweep_options
@click.option("--revise", is_flag=True, help="The name is taken: run again what failed or changed.")
@click.option("--replace", is_flag=True, help="The name is taken: run all rows again.")
@click.option("--dry-run", is_flag=True, help="Print the jobspec and what would happen; submit nothing.")
@click.option("--yes", is_flag=True, help="With --try: go on without asking, unless a row failed.")
@json_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def sub(
    ctx: click.Context, /, command: Sequence[str], file: str | None, revise: bool, replace: bool, dry_run: bool,
    yes: bool, as_json: bool, **said: Any,
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
    with saying(_NOTHING) as meaning, connect(ctx, cluster=asked.get("cluster")) as client:
        sweep = read_sweep(client, asked)
        if dry_run:
            _print_plan(asked, client.plan(sweep), as_json)
            return 0
        submitted = _submit(client, named(sweep), existing)
        meaning.text = _goes_on(submitted.job.name)
        if not as_json:
            click.echo(_said(submitted))
        for warning in client.version_warnings(submitted.job):
            click.echo(warning, err=True)
        if submitted.note:
            click.echo(f"{submitted.job.name}: no row is known to be done: {submitted.note}", err=True)
        if submitted.unkept and not as_json:
            click.echo(_unkept(submitted), err=True)
        return _act(client, submitted, asked, yes=yes, as_json=as_json)


def _submit(client: Client, sweep: Sweep, existing: Existing) -> Submitted:
    """Submit; Ctrl-C meanwhile says whether the job is there. The sweep has a name."""
    assert sweep.name is not None
    before = _find(client, sweep.name)
    try:
        with transfer_shown("uploading", "files") as tell:
            return client.submit(sweep, existing=existing, progress=tell)
    except KeyboardInterrupt:
        with saying(f"interrupted before it was known whether {sweep.name} is submitted: kubeque list tells"):
            now = _find(client, sweep.name)
        made = now is not None and (before is None or (now.uid, now.run) != (before.uid, before.run))
        raise Interrupted(_goes_on(sweep.name) if made else _NOTHING) from None


def _find(client: Client, name: str) -> Job | None:
    try:
        return client.job(name)
    except JobNotFound:
        return None


def _goes_on(name: str) -> str:
    return f"interrupted; {name} is submitted and goes on: kubeque watch {name}, or kubeque kill {name}"


def _act(client: Client, submitted: Submitted, asked: Asked, *, yes: bool, as_json: bool) -> int:
    """Wait, ask and fetch, as far as that is asked for; the exit code."""
    name = submitted.job.name
    if asked.get("no_wait"):
        if as_json:
            click.echo(json.dumps({"job": name, "uid": submitted.job.uid, "tasks": submitted.job.n}))
        return 0
    last = look(client, name, as_json=as_json)
    if last.held:
        tell(client, last, err=as_json)
        if not _goes(last, yes=yes):
            return conclude(client, last, as_json=as_json)
        client.go(name)
        last = look(client, name, as_json=as_json)
    code = conclude(client, last, as_json=as_json)
    if "fetch" in asked:
        bring(client, name, asked["fetch"], quiet=as_json)
    return code


def _goes(held: Progress, *, yes: bool) -> bool:
    """Shall the rest run? Nobody is asked where nobody would see it."""
    if yes:
        return not held.counts.failed
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    with saying(ways_on(held.job.name)):
        try:
            return click.confirm(f"run the other {held.counts.held}?", err=True)
        except click.Abort:
            raise KeyboardInterrupt from None


def _said(submitted: Submitted) -> str:
    job = submitted.job
    tasks = f"{job.n} task{'s' * (job.n != 1)}"
    what = {"made": "submitted", "adopted": "is there already, unchanged"}.get(submitted.what, submitted.what)
    done = f", {job.linked} of them done before" if job.linked and submitted.what != "adopted" else ""
    first = f", {job.canaries} of them first" if job.canaries else ""
    return f"{job.name}: {tasks} {what}{done}{first}"


def _unkept(submitted: Submitted) -> str:
    name = submitted.job.name
    return (
        f"{name}: without a keeper new pods, more memory and the table wait until somebody looks, as with kubeque watch"
        f" {name}: {submitted.unkept} (docs/howto/kubernetes.md)"
    )


def _print_plan(asked: Asked, plan: Plan, as_json: bool) -> None:
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
            f"{plan.contents} file{'s' * (plan.contents != 1)} of {format_bytes(plan.bytes)}B to bring, {plan.there} "
            f"of them there already: {format_bytes(plan.bytes_to_send)}B would be sent"
        )
    if asked.get("try", plan.tasks) < plan.tasks:
        lines.append(f"{asked['try']} of the tasks run first")
    lines += [f"  {index}: {printable(shlex.join(command))}" for index, command in enumerate(plan.commands)]
    if plan.tasks > len(plan.commands):
        lines.append(f"  ... and {plan.tasks - len(plan.commands)} more")
    if plan.name != "new":
        state = {
            "unchanged": "is there already and asks for the same",
            "taken": "is taken: it takes --revise or --replace",
        }
        lines.append(f"the name {asked['name']} {state[plan.name]}")
    return [*lines, "nothing was submitted"]
