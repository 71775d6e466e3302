"""Notes beside results: messages of successful tasks, and rows that have not ended."""

from __future__ import annotations

import shlex

import click

from kubeque.cli.output.terminal import terminal_text
from kubeque.client import Client, Progress
from kubeque.model.job.row_selection import RowSelection
from kubeque.model.text import format_count

#: Words for the states of rows that have not ended.
_UNFINISHED = ("held", "pending", "running")


def print_notes(client: Client, name: str) -> None:
    """Print one line with the number of successful tasks that have a note, and with the first notes.

    Print nothing if no task has a note.
    """
    count, first = client.notes(name)
    if count:
        text = "; ".join(f"task {index}: {terminal_text(note)}" for index, note in first)
        more = f"; and {count - len(first)} more" if count > len(first) else ""
        click.echo(f"{name}: {format_count(count, 'successful task')} left a note: {text}{more}", err=True)


def unfinished_note(client: Client, name: str, index: str | None = None) -> str:
    """Return one line with the number of rows that have not ended, and the command to type; empty if all have ended.

    `index`: count only these rows, for example "3,5-9"; None for all rows. Raises UserError for an index that the job
    does not have.
    """
    job = client.job(name)
    if job.closing is not None:
        return ""
    progress, selected = Progress(job, client.reader.counts(job)), None  # asks no cluster
    if index is not None:
        selected = sum(1 for _ in client.lines(name, rows=RowSelection.parse(index, (), _UNFINISHED)))
    return format_unfinished(progress, selected)


def format_unfinished(progress: Progress, selected: int | None = None) -> str:
    """Return one line with the number of rows that have not ended, and the command to type; empty if all have ended.

    `selected`: number of selected rows that have not ended; None if all rows are selected.
    """
    job, counts = progress.job, progress.counts
    left = counts.pending + counts.running + counts.held if selected is None else selected
    if not left:
        return ""
    name = shlex.quote(job.name)
    of = f"of {format_count(job.n, 'row')}" if selected is None else "of the selected rows"
    what = f"{job.name}: {left} {of} {'has' if left == 1 else 'have'} not ended"
    if progress.held:
        return f"{what}: kubeque go {name} runs the held rows"
    if job.paused:
        return f"{what}: the job is paused, and kubeque resume {name} continues it"
    return f"{what}: kubeque watch {name} waits for the end"


def print_note(note: str) -> None:
    """Print a line on standard error, so that standard output has only data. Print nothing if `note` is empty."""
    if note:
        click.echo(note, err=True)
