"""`kubeque gc`: delete jobs past their lifetime, and files that no job uses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from itertools import groupby
from pathlib import Path

import click

from kubeque.cli.connect import connect, json_option
from kubeque.cli.output.terminal import terminal_text
from kubeque.client import Garbage
from kubeque.model.quantities import format_bytes
from kubeque.model.text import format_count, quote_name

#: Maximum number of items of each kind to list. Of further items, only the number and the total size are printed.
_LISTED = 20
_WORDS = {
    "expired": "past its --results-ttl",
    "left over": "of a removed job",
    "environment": "the environment of a removed job",
    "working directory": "left by a dead consumer",
    "input": "an input that no job uses",
    "cached input": "a cached copy of an input that no job uses",
}


@click.command()
@click.option("--yes", is_flag=True, help="Delete the data without a question (default: only list it).")
@click.option("--now", is_flag=True, help="Include unused inputs of the last day, and late results of removed jobs.")
@json_option
@click.pass_context
def gc(ctx: click.Context, yes: bool, now: bool, as_json: bool) -> None:
    """Delete jobs past their --results-ttl, results of removed jobs, and inputs that no job uses.

    Without --yes, only list this data. Data younger than a day is kept, and so are results that another job links to.
    Folders into which results were fetched are never deleted.

    --now is safe while other programs submit sweeps or run tasks: gc keeps the inputs that any stored job names, and a
    submission uploads inputs that are missing.
    """
    with connect(ctx) as client:
        found = client.gc(really=yes, now=now)
        home = client.config.home
    if as_json:
        click.echo(json.dumps(_to_record(found, deleted=yes)))
        return
    for line in _format_pieces(found):
        click.echo(line)
    if found.note:
        click.echo(found.note, err=True)
    for line in found.stays:
        click.echo(terminal_text(line))
    if found.young:
        click.echo(_format_young(found))
    if not found.pieces:
        click.echo("there is nothing to delete" + (" now" if found.young or found.stays else ""))
    elif yes:
        click.echo(f"{format_bytes(found.bytes)}B deleted")
    else:
        again = f"kubeque gc {'--now ' * now}--yes"
        click.echo(f"{format_bytes(found.bytes)}B would be deleted: {again} deletes it")
    click.echo(_format_home(home, found.home))


def _to_record(found: Garbage, *, deleted: bool) -> dict[str, object]:
    """Return the JSON object of the command."""
    return {
        "deleted": deleted, "bytes": found.bytes, "pieces": [asdict(piece) for piece in found.pieces],
        "note": found.note, "stays": found.stays, "young": found.young, "young_bytes": found.young_bytes,
        "young_until": found.young_until or None, "home": dict(found.home),
    }  # fmt: skip


def _format_home(home: Path, sizes: Mapping[str, int]) -> str:
    """Return a line with the space that the home folder uses. `sizes`: bytes of each kind of data."""
    kinds = ", ".join(f"{kind} {format_bytes(size)}B" for kind, size in sizes.items() if size)
    return f"{quote_name(str(home))} uses {format_bytes(sum(sizes.values()))}B: {kinds}"


def _format_young(found: Garbage) -> str:
    until = datetime.fromtimestamp(found.young_until)
    what = f"{format_count(found.young, 'unused input')} of {format_bytes(found.young_bytes)}B"
    stay = "stays" if found.young == 1 else "stay"
    return (
        f"{what} {stay} until {until:%Y-%m-%d %H:%M}, because a new job often needs the inputs of the last day again:"
        " kubeque gc --now --yes deletes them now"
    )


def _format_pieces(found: Garbage) -> Iterator[str]:
    """Yield one line for each item that can be deleted, at most _LISTED for each kind of item.

    If a kind has more items, one more line has their number and total size.
    """
    for kind, group in groupby(found.pieces, lambda piece: piece.kind):
        pieces = list(group)
        for piece in pieces[:_LISTED]:
            files = format_count(piece.files, "file")
            name = terminal_text(piece.name) if kind == "expired" else piece.name
            yield f"{name}  {_WORDS[kind]}: {files}, {format_bytes(piece.bytes)}B"
        if rest := pieces[_LISTED:]:
            yield f"and {len(rest)} more, {format_bytes(sum(piece.bytes for piece in rest))}B"
