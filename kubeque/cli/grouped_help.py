"""A command whose `--help` lists its options in groups and ends with examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click


class GroupedOption(click.Option):
    """An option that `--help` lists below the title of its group."""

    def __init__(self, *args: Any, group: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


class GroupedCommand(click.Command):
    """A command that lists its options by group, in the order of `groups`, and prints `examples` last."""

    def __init__(self, *args: Any, groups: Sequence[str] = (), examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.groups = groups
        self.examples = examples

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section for each group. Options without a group belong to the last group."""
        for group in self.groups:
            options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
            records = [option.get_help_record(ctx) for option in options if self.group_of(option) == group]
            with formatter.section(group):
                formatter.write_dl([record for record in records if record is not None])

    def group_of(self, option: click.Option) -> str:
        """Return the title of the group of an option."""
        return option.group if isinstance(option, GroupedOption) else self.groups[-1]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, one per line."""
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"{'':>{formatter.current_indent}}{example}\n")
