"""`kubeque help`: show the help of the program or of a command."""

from __future__ import annotations

from collections.abc import Sequence

import click


def _complete_commands(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the next word of COMMAND: return the subcommands of the command that was typed so far."""
    group = _find(ctx.find_root(), ctx.params.get("command") or ()).command
    names = group.list_commands(ctx) if isinstance(group, click.Group) else []
    return [name for name in names if name.startswith(incomplete)]


@click.command("help")
@click.argument("command", nargs=-1, shell_complete=_complete_commands)
@click.pass_context
def show_help(ctx: click.Context, command: Sequence[str]) -> None:
    """Show the help of COMMAND, for example of `pool add`. Without COMMAND, list all commands."""
    click.echo(_find(ctx.find_root(), command).get_help())


def _find(current: click.Context, words: Sequence[str]) -> click.Context:
    """Return click's context of the command with the words `words`. Raises UsageError for an unknown command.

    `current`: context of the group in which the first word is looked up.
    """
    for word in words:
        group = current.command
        if not isinstance(group, click.Group):
            raise click.UsageError(f"{current.command_path} has no subcommands: leave out {word!r}", current)
        _, found, _ = group.resolve_command(current, [word])
        assert found is not None
        current = click.Context(found, info_name=word, parent=current)
    return current
