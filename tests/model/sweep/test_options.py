"""One table says what may be asked; options, schema, documentation and the fields of a sweep follow it."""

from __future__ import annotations

import json
from dataclasses import fields
from importlib import resources
from pathlib import Path

from kubeque.cli.commands.run.sub import sub
from kubeque.model.sweep.options import KEYS, schema
from kubeque.model.sweep.pod_options import PodOptions
from kubeque.model.sweep.sweep import Sweep

DOCUMENT = Path(__file__).parents[3] / "docs" / "jobspec.md"
#: Not asked for: made of other keys, found in a job, set by an Airflow task, or for tests alone.
MADE = {"rows", "inputs", "inputs_of_command", "pod", "lease_seconds", "origin"}
#: Options about this one call, which no file should say.
CALL = {"file", "revise", "replace", "dry_run", "try_first", "yes", "as_json", "command", "help"}


def test_every_field_of_a_sweep_is_a_key_of_the_table():
    sayable = {key.sweep_field for key in KEYS} - {""}
    assert sayable == {field.name for field in fields(Sweep)} - MADE


def test_every_option_of_a_pod_is_a_key_of_the_table():
    assert {key.name for key in KEYS if key.pod} == {field.name for field in fields(PodOptions)}


def test_every_key_but_the_command_and_the_base_has_an_option_and_every_option_a_key():
    options = {name for param in sub.params if (name := param.name) is not None}
    assert {key.name for key in KEYS if key.flags} == options - CALL
    assert {key.name for key in KEYS if not key.flags} == {"command", "base"}


def test_the_packaged_schema_is_that_of_the_table():
    text = resources.files("kubeque.model.sweep").joinpath("jobspec.schema.json").read_text()
    assert json.loads(text) == schema(), (
        "python -m kubeque.model.sweep.options > kubeque/model/sweep/jobspec.schema.json"
    )


def test_the_documentation_has_a_line_for_each_key():
    text = DOCUMENT.read_text()
    for key in KEYS:
        flags = ", ".join(f"`{flag}`" for flag in key.flags)
        line = f"| `{key.name}` | {flags} | {key.help.replace('|', '/')} |"
        assert line.replace("|  |", "| |") in text, f"docs/jobspec.md needs the line: {line}"
