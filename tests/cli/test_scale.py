"""The number of consumers changes while a job runs, and no running task is killed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import Shell
from tests.waiting import until


@pytest.mark.rotating
def test_consumers_come_and_leave_after_their_task(shell: Shell) -> None:
    command = ["sh", "-c", "sleep 6"]  # long enough that no task is reserved ahead
    assert shell.run("sub", "-n", "j", "--no-wait", "--consumers", "1", "--repeat", "10", *command).returncode == 0
    assert shell.run("scale", "j", "3").stdout.startswith("j: 3 consumers wanted")
    until("three running tasks", lambda: status(shell)["counts"]["running"] == 3)

    assert json.loads(shell.run("scale", "j", "1", "--json").stdout)["job"] == "j"
    until("one consumer", lambda: status(shell)["consumers"] == 1)
    assert status(shell)["counts"]["ok"] < 10
    assert shell.run("scale", "j", "3").returncode == 0
    assert shell.run("watch", "j").returncode == 0

    tasks = [json.loads(line) for line in shell.run("status", "j", "--tasks", "--json").stdout.splitlines()]
    assert [task["attempts"] for task in tasks] == [1] * 10


def test_a_number_that_cannot_be_is_refused(shell: Shell) -> None:
    done = shell.run("scale", "j", "0")

    assert done.returncode == 2
    assert "give a number from 1 to 10000" in done.stderr


def status(shell: Shell) -> dict[str, Any]:
    found = json.loads(shell.run("status", "j", "--json").stdout)
    assert isinstance(found, dict)
    return found
