"""Commands that only show something start no consumer. After `stop`, only commands that run tasks start consumers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from kubeque.cli.command_names import COMMANDS
from kubeque.cli.program import kubeque
from kubeque.client import Client
from kubeque.model.config.config import Config
from tests.cli.conftest import SAMPLE, Shell
from tests.jobs.processes import consumers_of
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("looking")
#: The commands that start consumers. All other commands of the table, even new commands, must not start any.
STARTS = frozenset({"sub", "watch", "go", "reset", "resume", "scale", "work"})
#: Values of arguments and required options, by their names.
VALUES = {
    "job": "sweep", "jobs": "sweep", "index": "0", "dest": "out.csv", "nodes": "1", "name": "x", "value": "1",
    "shell": "bash", "folder": ".", "state": "ok", "sort": "index", "causes": "lost", "streams": "stdout",
    "place": "nowhere",
}  # fmt: skip
DESTS = {"fetch": "out", "report": "out.html"}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A job with one ok task and waiting tasks. Its consumers were stopped."""
    place = tmp_path_factory.mktemp("looking")
    shutil.copytree(SAMPLE, place / "desk")
    shell = Shell(place / "desk", place / "home")
    shell.write(".kubeque", "")
    command = ["sh", "-c", "test $0 = 0 || sleep 100", "{index}"]
    assert (
        shell.run("sub", "-n", "sweep", "--no-wait", "--consumers", "1", "--grid", "x=0..2", *command).returncode == 0
    )
    until("one ok task", lambda: json.loads(shell.run("status", "sweep", "--json").stdout)["counts"]["ok"] == 1)
    assert shell.run("stop").stdout.startswith("1 consumer stopped")
    yield shell
    shell.run("stop")


def lines_of(path: tuple[str, ...], command: click.Command) -> Iterator[list[str]]:
    """Yield the words of a command and of its subcommands, with a value for each argument and required option."""
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from lines_of((*path, name), below)
        return
    words = list(path)
    for param in command.params:
        if param.required or param.name == "jobs":
            value = DESTS.get(path[0], VALUES["dest"]) if param.name == "dest" else VALUES[param.name or ""]
            words += [value] if isinstance(param, click.Argument) else [param.opts[0], value]
    yield [*words, "--yes"] if any(param.name == "yes" for param in command.params) and path[0] != "stop" else words


def showing() -> Iterator[list[str]]:
    context = click.Context(kubeque)
    for name in COMMANDS:
        command = kubeque.get_command(context, name)
        if name not in STARTS and command is not None:
            yield from lines_of((name,), command)
    yield from (["status", "sweep"], ["status", "sweep", "--tasks"], ["show", "sweep"], ["doctor", "sweep"])
    yield from (["show", "sweep", "--sort", "index"], ["sub", "--dry-run", "true"])


#: Commands that change the job. They run last, in this order.
ORDER = {"pause": 1, "kill": 2, "remove": 3}


@pytest.mark.parametrize("words", sorted(showing(), key=lambda words: ORDER.get(words[0], 0)), ids=" ".join)
def test_a_command_that_only_shows_starts_no_consumer(
    stopped: Shell, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stopped.folder)
    monkeypatch.setenv("KUBEQUE_HOME", str(stopped.home))
    ran = CliRunner().invoke(kubeque, words, standalone_mode=False)
    hosted = COMMANDS[words[0]] == "cluster" and words[0] not in ("start", "stop")
    assert hosted or ran.exception is None, ran.exception
    assert consumers_of(stopped.home) == []


def test_stop_names_the_programs_that_start_consumers_again(shell: Shell) -> None:
    assert shell.run("sub", "-n", "j", "--no-wait", "sleep", "100").returncode == 0
    config = Config.load(start=shell.folder, home=shell.folder, environ={"KUBEQUE_HOME": str(shell.home)})
    with Client(config) as client:
        client.take("j", "a_dag/a_run/a_task/-1#1")
        assert [(found.kind, found.name) for found in client.observers()] == [("airflow", "a_dag/a_run/a_task/-1#1")]
        watcher = shell.start("watch", "j")
        until("the watcher", lambda: len(client.observers()) == 2)
        stopped = shell.run("stop").stdout
        assert "the Airflow task a_dag/a_run/a_task/-1#1 waits for j and starts consumers again" in stopped
        assert (
            f"the process {watcher.pid} waits for j and starts consumers again: end the process {watcher.pid}, or"
            " run kubeque pause j" in stopped
        )

        watcher.kill()
        watcher.wait()
        until("its lock is free", lambda: len(client.observers()) == 1)
        assert list((shell.home / "watchers").iterdir()) == []
        shell.run("stop")
        said = shell.run("status", "j")
    assert said.stdout.endswith("waits: no consumer runs: `kubeque watch j` starts consumers\n")
    assert "no consumer runs" in shell.run("doctor", "j").stdout

    dead = {"pid": 4194303, "start": "1", "started": 1.0, "deaths": 4}
    (shell.home / "fleet/0.slot").write_text(json.dumps(dead))
    for command in ("status", "doctor"):
        assert "the last 5 consumers died before their first task; " in shell.run(command, "j").stdout
    assert consumers_of(shell.home) == []
