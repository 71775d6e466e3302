"""`kubeque gc`: what nobody needs any more, and how much of it there is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby

import click

from kubeque.cli.connect import connect, json_option
from kubeque.client import Garbage
from kubeque.model.resources import format_bytes
from kubeque.model.text import printable

_SHOWN = 20
_WORDS = {
    "expired": "past its --results-ttl",
    "left over": "of a job that is gone",
    "input": "an input that no job uses",
}


@click.command()
@click.option("--yes", is_flag=True, help="Delete it. Without this word it is only listed.")
@json_option
@click.pass_context
def gc(ctx: click.Context, yes: bool, as_json: bool) -> None:
    """Clear away what nobody needs: jobs past their --results-ttl, left-over results, inputs that no job uses.

    Only what is older than a day, and nothing that a job links to. Without --yes it says what would go.
    """
    with connect(ctx) as client:
        found = client.gc(really=yes)
    if as_json:
        pieces = [asdict(piece) for piece in found.pieces]
        click.echo(json.dumps({"deleted": yes, "bytes": found.bytes, "pieces": pieces, "note": found.note}))
        return
    for line in _lines(found):
        click.echo(line)
    if found.note:
        click.echo(found.note, err=True)
    if not found.pieces:
        click.echo("there is nothing to clear away")
    elif yes:
        click.echo(f"{format_bytes(found.bytes)}B cleared away")
    else:
        click.echo(f"{format_bytes(found.bytes)}B would be cleared away: say kubeque gc --yes")


def _lines(found: Garbage) -> Iterator[str]:
    """A line for each piece; of many of one kind the first ones, and how many more there are."""
    for kind, group in groupby(found.pieces, lambda piece: piece.kind):
        pieces = list(group)
        for piece in pieces[:_SHOWN]:
            files = f"{piece.files} file{'s' * (piece.files != 1)}"
            name = printable(piece.name) if kind == "expired" else piece.name
            yield f"{name}  {_WORDS[kind]}: {files}, {format_bytes(piece.bytes)}B"
        if rest := pieces[_SHOWN:]:
            yield f"and {len(rest)} more, {format_bytes(sum(piece.bytes for piece in rest))}B"
