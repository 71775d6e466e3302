"""`kubeque reset`: run failed tasks again."""

from __future__ import annotations

import click

from kubeque.cli.connect import connect, job_argument, json_option
from kubeque.cli.job_reference import exact_job
from kubeque.cli.output.job_text import print_job
from kubeque.model.job.causes import FAILURE_CAUSES
from kubeque.model.job.reset_rule import ResetRule

_CAUSES = click.Choice([cause.value for cause in FAILURE_CAUSES])


@click.command()
@job_argument()
@click.option(
    "--only-cause", multiple=True, type=_CAUSES, help="Reset only tasks that failed by this cause, for example oom."
)
@click.option("--all", "everything", is_flag=True, help="Also reset tasks that are ok.")
@click.option("--update", is_flag=True, help="Use the present input files and environment; keep ok tasks.")
@json_option
@click.pass_context
def reset(
    ctx: click.Context, job: str, only_cause: tuple[str, ...], everything: bool, update: bool, as_json: bool
) -> None:
    """Run the failed and killed tasks of JOB again."""
    with connect(ctx) as client:
        job = exact_job(client, job, "reset", err=as_json)
        note = "" if update else client.stale_note(job)
        progress = client.reset(job, ResetRule(everything=everything, causes=only_cause), update=update)
    if note:
        click.echo(note, err=True)
    print_job(progress, as_json=as_json)
    if progress.job.closing is not None and not as_json:
        kind = f" failed by {' or '.join(only_cause)}" if only_cause else " failed or was killed"
        click.echo(f"nothing is reset: no task{kind}")
