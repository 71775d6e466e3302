"""Notes of successful tasks: files that were not kept, and values that cannot be read."""

from __future__ import annotations

import click

from kubeque.cli.output.terminal import terminal_text
from kubeque.client import Client
from kubeque.model.text import format_count


def print_notes(client: Client, name: str) -> None:
    """Print one line with the number of successful tasks that have a note, and with the first notes.

    Print nothing if no task has a note.
    """
    count, first = client.notes(name)
    if count:
        text = "; ".join(f"task {index}: {terminal_text(note)}" for index, note in first)
        more = f"; and {count - len(first)} more" if count > len(first) else ""
        click.echo(f"{name}: {format_count(count, 'successful task')} left a note: {text}{more}", err=True)
