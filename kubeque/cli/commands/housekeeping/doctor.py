"""`kubeque doctor`: check the configuration or a job."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict

import click

from kubeque.cli.connect import configuration, connect, job_argument
from kubeque.cli.job_reference import find_job
from kubeque.cli.output.terminal import print_finding, terminal_text
from kubeque.client import Client, Finding
from kubeque.model.errors import UserError


@click.command()
@job_argument(required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.option(
    "--cluster", "only_cluster", is_flag=True,
    help="Check only the cluster, and each permission that kubeque needs there.",
)  # fmt: skip
@click.option("--fix", is_flag=True, help="Only print the shell commands that grant the missing permissions.")
@click.option(
    "--adopt", is_flag=True, help="After a restore of the queue: take the results of JOB that only the store has."
)
@click.pass_context
def doctor(ctx: click.Context, job: str | None, as_json: bool, only_cluster: bool, fix: bool, adopt: bool) -> int:
    """Check configuration, queue, store, cluster and waiting jobs. With JOB, check only this job.

    With JOB, check its consumers, queue records and files. Also take tasks back from dead consumers, and close JOB if
    it has ended. No consumer is started. Exit code: 0 no problem, 1 at least one problem.

    Each line begins with ok, WRONG, or note. A note is about an optional part that is missing. If you may grant
    permissions in the cluster, `kubeque doctor --fix | sh` grants the missing ones.
    """
    if adopt and job is None:
        raise UserError("--adopt needs a job: write kubeque doctor JOB --adopt")
    if fix:
        if job is not None or as_json:
            raise UserError("--fix prints commands for the cluster: leave JOB and --json out")
        return _print_fixes(Client.fixes(configuration(ctx)))
    if job is not None:
        with connect(ctx) as client:
            return _print_findings(client.doctor(find_job(client, job), adopt=adopt), as_json=as_json)
    return _print_findings(Client.check(configuration(ctx), only_cluster=only_cluster), as_json=as_json)


def _print_fixes(commands: str) -> int:
    """Print shell commands, or a note on standard error if there are none. Return the exit code."""
    click.echo(commands or "nothing is missing", err=not commands)
    return 0


def _print_findings(findings: Iterable[Finding], *, as_json: bool) -> int:
    all_ok = True
    for finding in findings:
        all_ok = all_ok and finding.ok
        if as_json:
            click.echo(json.dumps(asdict(finding)))
            continue
        word = "note " if finding.limited else "ok   " if finding.ok else "WRONG"
        print_finding(word, finding.ok, f"{finding.what:<8}  {terminal_text(finding.text, 500)}")
    return 0 if all_ok else 1
