"""The trial of `kubeque sub --try`: which rows it runs, and the question about the other rows."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

import click

from kubeque.cli.commands.run.go import held_hint
from kubeque.cli.output.interrupt import on_interrupt
from kubeque.client import Existing, Progress
from kubeque.model.text import format_count

#: Maximum number of rows of a trial that a message lists.
_NAMED = 10


def refuse_trial(name: str, existing: Existing) -> str:
    """Return the error for `--try` together with an option that changes the existing job `name`."""
    flag, name = f"--{existing.value}", shlex.quote(name)
    return (
        f"--try is for new jobs, and {flag} changes an existing job: leave out --try; to run a few rows of {name}"
        f" first, kubeque reset {name} --update --index ROWS; for a new job, leave out {flag} and choose another name"
        " with -n"
    )


def format_trial(rows: Sequence[int]) -> str:
    """Return a text with the indexes of the rows of a trial, and the reason why these rows are chosen."""
    named = ", ".join(map(str, rows[:_NAMED]))
    more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    which = f"{'row' if len(rows) == 1 else 'rows'} {named}{more}"
    return f"the trial runs {which}: {spread_words(len(rows))}"


def spread_words(count: int) -> str:
    """Return which `count` rows a trial runs."""
    if count == 1:
        return "the first row"
    if count == 2:
        return "the first and the last row, because their values often differ most"
    return "the first row, the last row, and rows evenly between them, because their values often differ most"


def confirm_rest(held: Progress, later: str, *, yes: bool) -> bool:
    """True if the held rows of a job may run.

    With `yes`, they may run if no row has failed. Otherwise ask the user; without a terminal, return False.
    Raises Interrupted on Ctrl-C, with `later` at the end of its message.
    """
    if yes:
        return not held.counts.failed
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    with on_interrupt(f"{held_hint(held.job.name)}{later}"):
        try:
            return click.confirm(f"run the other {format_count(held.counts.held, 'row')}?", err=True)
        except click.Abort:
            raise KeyboardInterrupt from None
