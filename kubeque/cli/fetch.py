"""`kubeque fetch`: results into a folder."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from kubeque.cli.connect import connect, job_argument
from kubeque.client import Client


@click.command()
@job_argument()
@click.argument("dest", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Use DEST although it holds other things.")
@click.pass_context
def fetch(ctx: click.Context, job: str, dest: Path, force: bool) -> None:
    """Bring the results of JOB into DEST/{index}/ and DEST/results.csv. Again: only what is missing."""
    with connect(ctx) as client:
        bring(client, job, dest, force=force)


def bring(client: Client, name: str, dest: Path, *, force: bool = False, quiet: bool = False) -> None:
    """Fetch, with a line at the end and on a terminal a count meanwhile."""
    show = sys.stderr.isatty() and not quiet

    def progress(done: int, total: int) -> None:
        click.echo(f"\r{done}/{total} tasks", err=True, nl=done == total)

    done = client.fetch(name, dest, force=force, progress=progress if show else None)
    if not quiet:
        kept = f", {done.kept} were there" if done.kept else ""
        click.echo(
            f"{dest}: {done.tasks} tasks with {done.files} files fetched{kept}; the table is {dest / 'results.csv'}"
        )
