"""Help and completion load only what they need. A shell waits for both while its user types."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

#: Libraries that neither help nor completion needs.
HEAVY = {
    "airflow",
    "fsspec",
    "grpc",
    "jinja2",
    "jsonschema",
    "kubernetes",
    "numpy",
    "pandas",
    "psycopg",
    "rich",
    "sqlite3",
}
#: Modules of kubeque that the list of commands does not need.
CONNECTED = {"kubeque.client", "kubeque.jobs", "kubeque.queues", "kubeque.files", "kubeque.clusters"}
#: Asks for help or completions one after the other in one process. Prints the modules that are loaded after each.
_SCRIPT = """
import contextlib, json, os, sys
import click
from kubeque.cli.program import kubeque

words, loaded = json.loads(sys.argv[1]), {}
context = click.Context(kubeque)
commands = [[name] for name in kubeque.list_commands(context)]

def ask(line, **environ):
    os.environ.update(environ)
    with open(os.devnull, "w") as sink, contextlib.redirect_stdout(sink), contextlib.suppress(SystemExit):
        kubeque.main(line, prog_name="kubeque", complete_var="_KUBEQUE_COMPLETE", standalone_mode=False)
    loaded[" ".join([*line, *environ.values()])] = sorted(sys.modules)

def complete(line):
    environ = {"COMP_WORDS": " ".join(["kubeque", *line]), "COMP_CWORD": str(len(line))}
    ask([], **environ, _KUBEQUE_COMPLETE="bash_complete")

if words == "lists":
    ask(["--help"])
    complete(["st"])
    complete([""])
else:
    for line in list(commands):
        command = kubeque.get_command(context, *line)
        if isinstance(command, click.Group):
            commands += [[*line, name] for name in command.list_commands(context)]
    for line in commands:
        complete([*line, "--"]) if words == "options" else ask([*line, "--help"])
print(json.dumps(loaded))
"""


def load(words: str) -> dict[str, set[str]]:
    """Return the modules of a fresh process after each line."""
    ran = subprocess.run(
        [sys.executable, "-c", _SCRIPT, json.dumps(words)],
        capture_output=True, text=True, timeout=100, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return {line: set(modules) for line, modules in json.loads(ran.stdout.splitlines()[-1]).items()}


def test_the_list_of_commands_and_its_completion_load_no_client() -> None:
    loaded = load("lists")

    assert len(loaded) == 3
    assert {line: modules & (HEAVY | CONNECTED) for line, modules in loaded.items()} == {line: set() for line in loaded}


def test_help_and_completed_options_of_each_command_load_no_database_and_no_table_library() -> None:
    for words in ("help", "options"):
        loaded = load(words)
        assert len(loaded) > 20
        assert {line: found for line, modules in loaded.items() if (found := modules & HEAVY)} == {}
