"""`kubeque collect`: write the table of a job as one file."""

from __future__ import annotations

import io
import sys

import click

from kubeque.cli.completion import complete_files
from kubeque.cli.connect import connect, job_argument
from kubeque.cli.job_reference import find_job
from kubeque.cli.output.notes import print_note, unfinished_note
from kubeque.cli.output.streams import write_data
from kubeque.client import Client, CollectedTable


@click.command()
@job_argument()
@click.option(
    "-o", "dest", required=True, metavar="FILE", shell_complete=complete_files,
    help="File or URL to write; its name ends with .csv or .parquet. '-' writes CSV to standard output.",
)  # fmt: skip
@click.option(
    "--infer",
    is_flag=True,
    help="Convert a column of parameters to numbers or booleans if all its values allow it (default: keep the text).",
)
@click.pass_context
def collect(ctx: click.Context, job: str, dest: str, infer: bool) -> None:
    """Write the table of JOB: the index, parameters, outcome and out.* values of each task.

    The out.* values are those that a task wrote to the file $KUBEQUE_OUT, as one flat JSON object, for example {"loss":
    0.5}. For a row that is linked or that --repair kept, attempts and seconds are those of its result. To write a
    .parquet file, install 'kubeque[table]'.
    """
    with connect(ctx) as client:
        job = find_job(client, job)
        unfinished = unfinished_note(client, job)
        if dest == "-":
            _print_notes(_print_table(client, job, infer=infer))
        else:
            done = client.collect(job, dest, infer=infer)
            click.echo(f"{dest}: {done.rows} rows, {len(done.columns)} columns")
            _print_notes(done)
    print_note(unfinished)


def _print_notes(table: CollectedTable) -> None:
    for note in table.notes:
        click.echo(f"note: {note}", err=True)


def _print_table(client: Client, job: str, *, infer: bool) -> CollectedTable:
    """Write the table of a job as CSV to standard output: on a terminal as safe text, otherwise unchanged."""
    if not sys.stdout.isatty():
        return client.print_table(job, sys.stdout.buffer, infer=infer)
    table = io.BytesIO()
    try:
        return client.print_table(job, table, infer=infer)
    finally:
        write_data(table.getvalue().decode())
