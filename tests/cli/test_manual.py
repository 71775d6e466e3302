"""The pages that are made from the commands: as they stand in docs, and complete."""

from __future__ import annotations

from pathlib import Path

import click
import jsonschema
import pytest

from docs.generate.manual import json_page, reference_page
from docs.generate.schemas import OUTPUTS
from kubeque.cli.__main__ import COMMANDS, kubeque

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("name", "page"), [("reference.md", reference_page), ("json.md", json_page)])
def test_the_page_is_what_the_commands_say_now(name: str, page) -> None:  # type: ignore[no-untyped-def]
    assert (DOCS / name).read_text() == page(), f"docs/{name} is out of date: make docs"


def test_every_command_and_option_is_in_the_reference_with_words() -> None:
    page = reference_page()
    with click.Context(kubeque, info_name="kubeque") as root:
        for name in COMMANDS:
            assert f"## kubeque {name}\n" in page
            command = kubeque.get_command(root, name)
            assert command is not None
            assert command.help, name
            for option in command.params:
                if isinstance(option, click.Option):
                    assert option.help, f"{name} {option.opts}"
                    assert option.opts[-1] in page


def test_every_command_that_prints_json_has_a_schema() -> None:
    described = {output.said.split()[1] for output in OUTPUTS}
    with click.Context(kubeque, info_name="kubeque") as root:
        for name in COMMANDS:
            command = kubeque.get_command(root, name)
            assert command is not None
            parts = list(command.commands.values()) if isinstance(command, click.Group) else [command]
            says = any("--json" in option.opts for part in parts for option in part.params)
            assert says == (name in described), (
                f"{name}: add what it prints to docs/generate/schemas.py, then make docs"
            )


def test_every_schema_is_a_good_one() -> None:
    for output in OUTPUTS:
        jsonschema.Draft202012Validator.check_schema(output.schema)
