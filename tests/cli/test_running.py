"""Running tasks: only tasks whose command runs, with start, attempt and consumer."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema

from docs.generate.job_schemas import SHOWN_TASK, TASK
from tests.cli.conftest import Shell
from tests.waiting import until


def _counts(shell: Shell) -> dict[str, int]:
    counts: dict[str, int] = json.loads(shell.run("status", "short", "--json").stdout)["counts"]
    return counts


def test_reserved_tasks_wait_and_a_running_task_has_start_attempt_and_consumer(shell: Shell) -> None:
    # Given short tasks, of which each of two consumers reserves several
    shell.run("sub", "-n", "short", "--repeat", "400", "--consumers", "2", "--no-wait", "sleep", "0.4")
    until("six tasks that are ok", lambda: _counts(shell)["ok"] >= 6)

    # Then at most as many tasks run as there are consumers
    for _ in range(4):
        counts = _counts(shell)
        assert 1 <= counts["running"] <= 2
        assert sum(counts.values()) == 400

    # And a running task tells where it runs
    lines = shell.run("status", "short", "--tasks", "--state", "running").stdout.splitlines()
    assert lines[0].split()[-4:] == ["running", "for", "attempt", "consumer"]
    assert all("running" in line and "local:" in line for line in lines[1:])
    found: list[dict[str, Any]] = [
        json.loads(line)
        for line in shell.run("status", "short", "--tasks", "--state", "running", "--json").stdout.splitlines()
    ]
    for task in found:
        jsonschema.validate(task, TASK)
        assert task["running.attempt"] == 1
    shown = json.loads(shell.run("show", "short", str(found[0]["index"]), "--json").stdout)
    jsonschema.validate(shown, SHOWN_TASK)
    shell.run("kill", "short")


def test_the_use_of_a_task_is_shown_as_curves(shell: Shell) -> None:
    assert shell.run("sub", "-n", "j", "--grid", "s=0,2.5", "sleep", "{s}").returncode == 0
    short, long = shell.run("show", "j", "0").stdout, shell.run("show", "j", "1").stdout
    assert "cpu use" not in short
    assert re.search(r"^cpu use +[▁-█]+  mean 0\.\d\d cores, peak 0\.\d\d$", long, re.MULTILINE), long
    assert re.search(r"^memory use +[▁-█]+  mean \S+, peak \S+$", long, re.MULTILINE), long
    for index in ("0", "1"):
        wire = json.loads(shell.run("show", "j", index, "--json").stdout)
        jsonschema.validate(wire, SHOWN_TASK)
        assert (wire["usage"] is None) == (index == "0")
    results = [json.loads(path.read_text()) for path in (shell.home / "results/j").rglob("result.json")]
    assert sorted("usage" in result for result in results) == [False, True]
