"""`kubeque doctor`: what is wrong, and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import click

from kubeque.cli.screen import coloured, shown
from kubeque.jobs.checkup import check
from kubeque.model.config import Config


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> int:
    """Try configuration, queue, store and cluster. Exit code 0 if all is well, 1 if something is wrong."""
    explicit = ctx.find_root().obj
    well, paint = True, coloured()
    for finding in check(Config.load(explicit=Path(explicit) if explicit else None)):
        well = well and finding.ok
        if as_json:
            click.echo(json.dumps({"what": finding.what, "ok": finding.ok, "text": finding.text}))
            continue
        mark = "ok   " if finding.ok else "WRONG"
        mark = click.style(mark, fg="green" if finding.ok else "red") if paint else mark
        click.echo(f"{mark}  {finding.what:<8}  {shown(finding.text, 500)}")
    return 0 if well else 1
