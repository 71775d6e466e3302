"""Generated files are up to date and complete."""

from __future__ import annotations

import click
import jsonschema
import pytest
from click.testing import CliRunner

from docs.generate.files import FILES, ROOT
from docs.generate.manual import reference_page
from docs.generate.schemas import OUTPUTS
from kubeque.cli.command_names import COMMANDS
from kubeque.cli.program import kubeque
from kubeque.model.sweep.options import GROUPS


@pytest.mark.parametrize("path", FILES)
def test_a_generated_file_is_up_to_date(path: str) -> None:
    assert (ROOT / path).read_text() == FILES[path](), f"{path} is out of date: make docs"


def test_sub_help_groups_its_options_and_ends_with_three_examples() -> None:
    text = CliRunner().invoke(kubeque, ["sub", "--help"]).output
    titles = [line for line in text.splitlines() if line.endswith(":") and not line.startswith((" ", "Usage"))]
    assert titles == [*(f"{group.title}:" for group in GROUPS), "Examples:"]
    examples = text.partition("Examples:\n")[2].splitlines()
    assert len(examples) == 3
    assert all(line.startswith("  kubeque sub ") for line in examples)
    assert "--task-timeout" in text
    assert "--timeout" not in text


def test_every_command_and_option_is_in_the_reference_with_words() -> None:
    page = reference_page()
    with click.Context(kubeque, info_name="kubeque") as root:
        for name in COMMANDS:
            assert f"## kubeque {name}\n" in page
            command = kubeque.get_command(root, name)
            assert command is not None
            assert command.help, name
            for option in command.params:
                if isinstance(option, click.Option) and not option.hidden:
                    assert option.help, f"{name} {option.opts}"
                    assert option.opts[-1] in page


def test_every_command_that_prints_json_has_a_schema() -> None:
    described = {output.command.split()[1] for output in OUTPUTS}
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
