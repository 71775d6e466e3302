"""Ask before a submission changes the ok rows of an existing job."""

from __future__ import annotations

import sys

import click

from kubeque.client import Effect, Existing
from kubeque.model.errors import UserError
from kubeque.model.text import format_count


def confirm_change(effect: Effect, *, yes: bool) -> bool:
    """Print the effect of a submission on an existing job, and return True if the submission may continue.

    Ask the user if the submission would remove ok rows, because the new rows do not contain them. Without a terminal,
    raise UserError instead. Also ask the user if --revise would run ok rows again. Without a terminal, continue.

    `yes`: True to continue without a question. Raises UserError if the user does not want to remove rows.
    """
    click.echo(str(effect), err=True)
    terminal = sys.stdin.isatty() and sys.stderr.isatty()
    if effect.lost and effect.existing is not Existing.REPLACE and not yes:
        _confirm_loss(effect, terminal=terminal)
    asks = effect.again and effect.existing is Existing.REVISE and not yes
    if not asks or not terminal:
        return True
    return click.confirm(f"run {format_count(effect.again, 'ok row')} again?", err=True)


def _confirm_loss(effect: Effect, *, terminal: bool) -> None:
    """Ask whether ok rows may be removed from the job. Raises UserError if the user refuses, or without a terminal."""
    rows = format_count(effect.lost, "ok row")
    if terminal and click.confirm(f"remove {rows} and their results from {effect.name}?", err=True):
        return
    raise UserError(
        f"nothing was submitted: the new rows of {effect.name} do not contain {rows} of the job: give all rows with -p"
        f" (--{effect.existing.value} chooses the rows to run), use kubeque reset {effect.name} --update, or add --yes"
        " to remove the ok rows"
    )
