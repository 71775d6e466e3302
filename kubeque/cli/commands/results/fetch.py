"""`kubeque fetch`: fetch the results of a job into a folder or below a URL."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

import click

from kubeque.cli.completion import complete_files
from kubeque.cli.connect import connect, job_argument
from kubeque.cli.job_reference import find_job
from kubeque.cli.output.interrupt import on_interrupt
from kubeque.cli.output.notes import print_note, print_notes, unfinished_note
from kubeque.cli.output.progress_bar import show_transfer
from kubeque.cli.row_options import index_option
from kubeque.client import STREAM_GLOBS, Client, Streams
from kubeque.model.quantities import format_bytes
from kubeque.model.rows.index_ranges import Ranges, parse_ranges
from kubeque.model.text import format_count


@click.command()
@job_argument()
@click.argument("dest", shell_complete=complete_files)
@index_option("Fetch")
@click.option("--state", type=click.Choice(["ok", "failed"]), help="Fetch only tasks in this state.")
@click.option(
    "--glob", "globs", multiple=True, help="Fetch only files that match this pattern, for example '**/*.csv'."
)
@click.option(
    "--layout", metavar="'{lr}/{seed}'", help="Pattern for the folder of each task, made of parameters and {index}."
)
@click.option(
    "--flat", metavar="'{lr}-{seed}-{name}'",
    help="Put all files into DEST. Build their names from parameters, {index}, and {name}, {stem}, {suffix} and {path}"
    " of the file, for example '{index}-{path}'. {param.name} is a parameter with such a name; {file.name} is {name}.",
)  # fmt: skip
@click.option(
    "--streams", is_flag=True, help="With --flat or --glob, also fetch stdout.txt and stderr.txt that are not empty."
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also fetch stdout.txt and stderr.txt that are empty, and make a folder for each task.",
)
@click.option("--force", is_flag=True, help="Use DEST even if it holds other files.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.pass_context
def fetch(
    ctx: click.Context, job: str, dest: str, index: str | None, state: str | None, globs: Sequence[str],
    layout: str | None, flat: str | None, streams: bool, everything: bool, force: bool, as_json: bool,
) -> None:  # fmt: skip
    """Fetch the results of JOB into DEST/{index}/ and DEST/results.csv.

    DEST is a folder, or a URL such as gs://bucket/results. A second fetch copies only missing and changed files. Empty
    output files (stdout.txt, stderr.txt) and folders without files are left out. If rows of JOB have not ended, fetch
    the rows that have ended, and print how many have not.
    """
    indexes = parse_ranges(index) if index is not None else None
    with connect(ctx) as client:
        job = find_job(client, job)
        unfinished = unfinished_note(client, job, index)
        if streams and globs:
            globs = (*globs, *STREAM_GLOBS)
        fetch_results(
            client, job, dest, force=force, as_json=as_json, indexes=indexes, state=state, globs=globs, layout=layout,
            flat=flat, streams=Streams.ALL if everything else Streams.FILLED if streams else None,
        )  # fmt: skip
        if not as_json:
            print_notes(client, job)
        print_note(unfinished)


def fetch_results(
    client: Client, name: str, dest: str, *, force: bool = False, quiet: bool = False, as_json: bool = False,
    indexes: Ranges | None = None, state: str | None = None, globs: Sequence[str] = (), replaces: str = "",
    layout: str | None = None, flat: str | None = None, streams: Streams | None = None,
) -> None:  # fmt: skip
    """Fetch results into `dest` with a progress bar. At the end, print one line, or one JSON object if `as_json`.

    `quiet`: True to print nothing. Other parameters and errors: see `Client.fetch`. Raises Interrupted on Ctrl-C.
    """
    template = flat if flat is not None else layout
    chosen = ["--flat" if flat is not None else "--layout", template] if template is not None else []
    again = shlex.join(["kubeque", "fetch", name, dest, *chosen])
    interrupted = f"interrupted; the files in {dest} are complete: {again} fetches the rest"
    with on_interrupt(interrupted), show_transfer("fetching", "tasks", quiet=quiet or as_json) as tell:
        done = client.fetch(
            name, dest, force=force, indexes=indexes, state=state, globs=globs, progress=tell, replaces=replaces,
            layout=layout, flat=flat, streams=streams,
        )  # fmt: skip
    if as_json:
        record = {
            "job": name, "dest": dest, "table": done.table, "tasks": done.tasks, "kept": done.kept,
            "restored": done.restored, "files": done.files, "bytes": done.size,
            "not_kept": done.not_kept.files if done.not_kept else 0,
        }  # fmt: skip
        click.echo(json.dumps(record))
    elif not quiet:
        kept = f", {done.kept} fetched before" if done.kept else ""
        restored = f", {done.restored} of them again because files had changed or were missing" if done.restored else ""
        what = (
            f"{format_count(done.tasks, 'task')} with {format_count(done.files, 'file')} ({format_bytes(done.size)}B)"
        )
        click.echo(f"{dest}: {what} fetched{restored}{kept}; the table is {done.table}")
        if done.not_kept:
            files, tasks = format_count(done.not_kept.files, "file"), format_count(done.not_kept.tasks, "task")
            click.echo(
                f"{files} of {tasks} {'was' if done.not_kept.files == 1 else 'were'} not kept: "
                f"`kubeque show {name} {done.not_kept.first}` names them"
            )
        if flat is not None and streams is None and done.tasks and not done.files:
            click.echo("note: the tasks have no files: --streams fetches their output with --flat", err=True)
    for note in () if quiet else done.notes:
        click.echo(f"note: {note}", err=True)
