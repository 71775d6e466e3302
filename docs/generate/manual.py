"""Generate docs/reference.md from the commands, and docs/json.md from the schemas of their output."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Sequence
from typing import Any

import click

from docs.generate.job_schemas import Schema
from docs.generate.schemas import OUTPUTS
from kubeque.cli.command_names import COMMANDS
from kubeque.cli.grouped_help import GroupedCommand
from kubeque.cli.program import kubeque

_MADE = "<!-- Made by `make docs`: change the commands, not this page. -->"


def reference_page() -> str:
    """Return docs/reference.md."""
    lines = ["# The commands", "", _MADE, "", *_options(kubeque), ""]
    with click.Context(kubeque, info_name="kubeque") as root:
        for name in COMMANDS:
            command = kubeque.get_command(root, name)
            assert command is not None
            lines += [f"## kubeque {name}", "", *_command(command, click.Context(command, root, name)), ""]
            if isinstance(command, click.Group):
                for sub, part in command.commands.items():
                    ctx = click.Context(part, root, f"{name} {sub}")
                    lines += [f"### kubeque {name} {sub}", "", *_command(part, ctx), ""]
    return "\n".join(lines).rstrip() + "\n"


def _command(command: click.Command, ctx: click.Context) -> Iterator[str]:
    yield from ["```", f"kubeque {ctx.info_name} {' '.join(command.collect_usage_pieces(ctx))}", "```", ""]
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b"):
            yield from ["```", *paragraph.splitlines()[1:], "```", ""]
        else:
            yield from [_escape(paragraph.replace("\n", " ")), ""]
    yield from _options(command)


def _options(command: click.Command) -> Iterator[str]:
    options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    if not isinstance(command, GroupedCommand):
        yield from _option_table(command, options)
        return
    for group in command.groups:
        yield from [f"**{group}**", ""]
        yield from _option_table(command, [option for option in options if command.group_of(option) == group])
        yield ""
    yield from ["Examples:", "", "```", *command.examples, "```"]


def _option_table(command: click.Command, options: Sequence[click.Option]) -> Iterator[str]:
    if not options:
        return
    yield from ["| option | |", "|---|---|"]
    with click.Context(command) as ctx:
        for option in options:
            flags, text = option.get_help_record(ctx) or ("", "")
            words = flags.replace("|", "\\|")
            yield f"| `{words}` | {_escape(text)} |"


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def json_page() -> str:
    """Return docs/json.md."""
    lines = [
        "# What --json prints", "", _MADE, "",
        "Keys keep their meaning; new keys may be added. With JSON lines, each line is one object and is",
        "printed at once. Errors are text on standard error, and the exit code is the same as without `--json`.", "",
    ]  # fmt: skip
    seen: dict[str, str] = {}
    for output in OUTPUTS:
        kind = "JSON lines" if output.lines else "One JSON document"
        lines += [f"## {output.command}", "", f"{kind}. {output.schema['description']}", ""]
        key = json.dumps(output.schema, sort_keys=True)
        if key in seen:
            lines += [f"The same as `{seen[key]}`.", ""]
            continue
        seen[key] = output.command
        lines += ["| key | type | |", "|---|---|---|", *_rows(output.schema, ""), ""]
    return "\n".join(lines).rstrip() + "\n"


def _rows(schema: Schema, prefix: str) -> Iterator[str]:
    """Yield one table row for each key of an object, and for each key of the objects and arrays in it."""
    if schema["type"] == "array":
        yield from _rows(schema["items"], f"{prefix}[]")
        return
    named: list[tuple[str, Any]] = list(schema.get("properties", {}).items())
    named += [(f"({name})", value) for name, value in schema.get("patternProperties", {}).items()]
    if isinstance(more := schema.get("additionalProperties"), dict):
        named.append(("(any other)", more))
    for name, value in named:
        path = f"{prefix}.{name}" if prefix else name
        yield f"| `{path}` | {_type(value)} | {_escape(value.get('description', ''))} |"
        if "properties" in value or "properties" in value.get("items", {}):
            yield from _rows(value, path)


def _type(schema: Schema) -> str:
    kinds = schema["type"]
    return kinds if isinstance(kinds, str) else " or ".join(kinds)
