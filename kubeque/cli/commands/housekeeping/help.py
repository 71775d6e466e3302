"""`kubeque help`: show the help of the program or of a command."""

from __future__ import annotations

from collections.abc import Sequence

import click


@click.command("help")
@click.argument("command", nargs=-1)
@click.pass_context
def show_help(ctx: click.Context, command: Sequence[str]) -> None:
    """Show the help of COMMAND, for example of `pool add`. Without COMMAND, list all commands."""
    current = ctx.find_root()
    for word in command:
        group = current.command
        if not isinstance(group, click.Group):
            raise click.UsageError(f"{current.command_path} has no commands of its own: leave out {word!r}", current)
        _, found, _ = group.resolve_command(current, [word])
        assert found is not None
        current = click.Context(found, info_name=word, parent=current)
    click.echo(current.get_help())
