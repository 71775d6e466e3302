"""Generate the JSON Schema of a jobspec and the table of keys in docs/jobspec.md from the table of sweep options."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubeque.model.sweep.option import Option
from kubeque.model.sweep.options import GROUPS, OPTIONS, VERSION

DOCUMENT = Path(__file__).parents[1] / "jobspec.md"
_BEGIN = "<!-- Made by `make docs` from kubeque/model/sweep/options.py: change the table there. -->"
_END = "<!-- End of what `make docs` made. -->"


def jobspec_schema() -> str:
    """Return the JSON Schema of a jobspec, as text."""
    return json.dumps(_schema(), indent=2) + "\n"


def _schema() -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"kubeque jobspec, version {VERSION}",
        "description": "A sweep as a file: kubeque sub -f jobspec.json. See docs/jobspec.md.",
        "type": "object",
        "properties": {
            "$schema": {"type": "string", "description": "URL of this schema, for editors; kubeque ignores it."},
            "version": {"const": VERSION, "description": f"Version of this format (default: {VERSION})."},
            **{option.name: {**option.kind.schema, "description": option.text} for option in OPTIONS},
            **{
                option.old_name: {
                    **option.kind.schema,
                    "description": f"Old name of {option.name}.",
                    "deprecated": True,
                }
                for option in OPTIONS
                if option.old_name
            },
        },
        "additionalProperties": False,
    }


def jobspec_page() -> str:
    """Return docs/jobspec.md with a new table of keys."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return "\n".join([before + _BEGIN, "", *_keys(), "", _END]) + after


def _keys() -> Iterator[str]:
    for group in GROUPS:
        yield from [f"### {group.title}", "", "| key | option | |", "|---|---|---|"]
        yield from map(_row, group.options)
        yield ""


def _row(option: Option) -> str:
    flags = ", ".join(f"`{flag}`" for flag in option.flags)
    return f"| `{option.name}` | {flags} | {option.text.replace('|', '/')} |".replace("|  |", "| |")
