"""`kubeque kill` and `kubeque reset` of some rows: the options, the messages and the JSON."""

from __future__ import annotations

import json

import jsonschema
import pytest
from click.testing import CliRunner

from docs.generate.schemas import OUTPUTS
from kubeque.cli.program import kubeque
from tests.cli.conftest import Shell

SCHEMAS = {output.command: output.schema for output in OUTPUTS}


def test_some_rows_are_killed_and_reset(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shell.folder)
    monkeypatch.setenv("KUBEQUE_HOME", str(shell.home))

    def type_in(*words: str) -> str:
        ran = CliRunner().invoke(kubeque, words)
        assert ran.exit_code == 0, ran.output
        return ran.output

    def read(command: str, *words: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(type_in(*words))
        jsonschema.validate(found, SCHEMAS[command])
        return found

    type_in("sub", "-n", "j", "--no-wait", "--consumers", "1", "--grid", "x=0..9", "sleep", "100")
    type_in("stop")
    dry = read("kubeque kill JOB --dry-run --json", "kill", "j", "--where", "x>6", "--dry-run", "--json")
    assert dry == {"name": "j", "killed": 3, "running": 0, "ended": 0}
    assert type_in("kill", "j", "--dry-run") == "j: 10 rows would be killed\nnothing was killed\n"
    assert type_in("kill", "j", "--where", "x>6").splitlines() == [
        "j: 3 rows are killed",
        "j: running: 7 pending, 3 killed of 10; waits: no consumer runs: `kubeque watch j` starts consumers",
        "next: kubeque watch j, or kubeque reset j --state killed to run the killed rows again",
    ]
    again = read("kubeque kill JOB --index 3,5-9 --json", "kill", "j", "--index", "6-9", "--json")
    assert again["rows"] == {"name": "j", "killed": 1, "running": 0, "ended": 3}
    *above, last = type_in("kill", "j", "--index", "8").splitlines()
    assert last == "j: nothing is killed, because 1 row had already ended"
    assert not [line for line in above if "rows are killed" in line or "already ended" in line]
    wrong = CliRunner().invoke(kubeque, ["kill", "j", "--index", "10-12"])
    assert str(wrong.exception) == "j has no task 10 to 12: its tasks are 0 to 9"
    assert type_in("reset", "j", "--index", "7,9", "--dry-run") == (
        "j: 2 rows will run again, 0 ok rows will be kept\nnothing was reset\n"
    )
    *above, last = type_in("reset", "j", "--index", "0-2").splitlines()
    assert above[0] == "j: 0 rows will run again, 0 ok rows will be kept, 3 rows that have not ended will continue"
    assert last == (
        "nothing is reset: no selected task failed or was killed; --all also resets selected tasks that are ok"
    )
