"""`kubeque doctor`: what is wrong, and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterable

import click

from kubeque.cli.connect import configuration, connect
from kubeque.cli.output.terminal import coloured
from kubeque.client import Client, Finding
from kubeque.model.text import printable


@click.command()
@click.argument("job", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.option("--cluster", "only_cluster", is_flag=True, help="Only the cluster, and each right that it takes there.")
@click.pass_context
def doctor(ctx: click.Context, job: str | None, as_json: bool, only_cluster: bool) -> int:
    """Try configuration, queue, store and cluster. With JOB: check its books in the queue and its stored files.

    Nothing is changed. Exit code 0 if all is well, 1 if something is wrong.
    """
    if job is not None:
        with connect(ctx) as client:
            return _tell(client.doctor(job), as_json=as_json)
    return _tell(Client.check(configuration(ctx), only_cluster=only_cluster), as_json=as_json)


def _tell(findings: Iterable[Finding], *, as_json: bool) -> int:
    well, paint = True, coloured()
    for finding in findings:
        well = well and finding.ok
        if as_json:
            click.echo(json.dumps({"what": finding.what, "ok": finding.ok, "text": finding.text}))
            continue
        mark = "ok   " if finding.ok else "WRONG"
        mark = click.style(mark, fg="green" if finding.ok else "red") if paint else mark
        click.echo(f"{mark}  {finding.what:<8}  {printable(finding.text, 500)}")
    return 0 if well else 1
