"""A group of commands that prints its help if no command is given, and suggests commands and options."""

from __future__ import annotations

from collections.abc import Mapping

import click

from kubeque.model.suggestions import find_similar, suggest
from kubeque.model.text import describe


class CommandGroup(click.Group):
    """A group of commands. An unknown command is an error that names the most similar command."""

    #: Commands, keyed by the names that other programs have for them.
    other_names: Mapping[str, str] = {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. If there are none, print the help."""
        return super().parse_args(ctx, args or ["--help"])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command named by the first word. Return its name, the command, and the remaining words.

        Raises UsageError for an unknown command. The error suggests the most similar name.
        """
        name, known = args[0], self.list_commands(ctx)
        if name not in known and not name.startswith("-"):
            hint = suggest(name, known, "commands", self.other_names)
            raise click.UsageError(f"no such command {describe(name)}: {hint}", ctx)
        return super().resolve_command(ctx, args)


def describe_unknown_option(error: click.NoSuchOption) -> str:
    """Return the message for an option that a command does not have, with the most similar options."""
    name, ctx = error.option_name, error.ctx
    if ctx is None:
        return f"no such option {describe(name)}"
    root = ctx.find_root()
    if name in _flags(root.command):
        return f"{name} belongs before the command: {root.command_path} {name} ... {ctx.command.name}"
    near = " or ".join(map(repr, find_similar(name, _flags(ctx.command), 3)))
    return f"no such option {describe(name)}" + (f": did you mean {near}?" if near else "")


def describe_usage(ctx: click.Context) -> str:
    """Return the shortest valid form of a command, for example `kubeque fetch JOB DEST`."""
    words = [ctx.command_path]
    for param in ctx.command.params:
        if isinstance(param, click.Option):
            words += [param.opts[0], param.metavar or "VALUE"] if param.required else []
        elif param.required:
            words.append(param.human_readable_name)
    return " ".join(words)


def _flags(command: click.Command) -> list[str]:
    """Return the long flags that the help of a command lists, without `--help`."""
    options = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
    return [flag for option in options for flag in (*option.opts, *option.secondary_opts) if flag.startswith("--")]
