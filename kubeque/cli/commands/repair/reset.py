"""`kubeque reset`: run failed tasks again."""

from __future__ import annotations

import json
import shlex
import sys

import click

from kubeque.cli.connect import connect, job_argument, json_option, yes_option
from kubeque.cli.job_reference import exact_job, find_job
from kubeque.cli.output.interrupt import confirm
from kubeque.cli.output.job_text import print_job
from kubeque.cli.row_options import row_options
from kubeque.client import Progress, ResetEffect
from kubeque.model.job.causes import FAILURE_CAUSES
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.row_selection import RowSelection
from kubeque.model.text import format_count

_CAUSES = click.Choice([cause.value for cause in FAILURE_CAUSES])


@click.command()
@job_argument()
@row_options("Reset")
@click.option(
    "--only-cause",
    multiple=True,
    type=_CAUSES,
    help="Reset only tasks that failed for this cause, for example oom. Repeatable.",
)
@click.option("--all", "everything", is_flag=True, help="Also reset tasks that are ok.")
@click.option(
    "--update", is_flag=True, help="Run with the input files and environment as they are now; keep tasks that are ok."
)
@click.option(
    "--dry-run", is_flag=True, help="Print how many rows would run again and how many would be kept; reset nothing."
)
@yes_option
@json_option
@click.pass_context
def reset(
    ctx: click.Context, job: str, index: str | None, where: tuple[str, ...], states: tuple[str, ...],
    only_cause: tuple[str, ...], everything: bool, update: bool, dry_run: bool, yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Run the failed and killed tasks of JOB again: all of them, or only those of the rows that the options select.

    If no task failed or was killed, JOB does not change. Selected rows that are ok are kept, unless --all or --state ok
    is given. On a terminal, the command asks before ok rows run again. If JOB was killed, the rows that are not
    selected stay killed.
    """
    rule, rows = ResetRule(everything=everything, causes=only_cause), RowSelection.parse(index, where, states)
    with connect(ctx) as client:
        job = find_job(client, job) if dry_run else exact_job(client, job, "reset", err=as_json)
        if note := "" if update else client.stale_note(job):
            click.echo(note, err=True)
        if dry_run:
            effect = client.reset_effect(job, rule, rows=rows)
            click.echo(json.dumps(effect.to_wire()) if as_json else f"{effect}\nnothing was reset")
            return
        if not yes and sys.stdin.isatty() and (again := client.reset_effect(job, rule, rows=rows).again):
            confirm(f"run {format_count(again, 'ok row')} of {job} again?", err=as_json)
        effect, progress = client.reset_rows(job, rule, update=update, rows=rows)
    if not as_json and not (effect.is_empty and progress.job.closing):
        click.echo(str(effect))
    print_job(progress, as_json=as_json)
    if not as_json:
        click.echo(_last_line(progress, effect, only_cause, rows, update=update))


def _last_line(
    progress: Progress, effect: ResetEffect, causes: tuple[str, ...], rows: RowSelection, *, update: bool
) -> str:
    """Return the last line of the output: the command to type next, or a message that nothing is reset."""
    kind = f" failed by {' or '.join(causes)}" if causes else " failed or was killed"
    if effect.is_empty and not rows.is_empty:
        return f"nothing is reset: no selected task{kind}; --all also resets selected tasks that are ok"
    if effect.is_empty and (progress.job.closing is not None or not update):
        return f"nothing is reset: no task{kind}"
    return f"next: kubeque watch {shlex.quote(progress.job.name)}"
