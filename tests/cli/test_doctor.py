"""`kubeque doctor JOB` as users run it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Shell


def test_a_job_that_is_well_and_one_that_is_not(shell: Shell) -> None:
    # Given a job that has run
    assert shell.run("sub", "-n", "sweep", "true").returncode == 0
    # When the doctor looks, then all is well
    done = shell.run("doctor", "sweep")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [["ok", "job"], ["ok", "store"]]
    # When its spec is missing, then text and JSON output report it
    url = json.loads(shell.run("status", "sweep", "--json").stdout)["url"]
    Path(url.removeprefix("file://"), "spec-1.json").unlink()
    done = shell.run("doctor", "sweep")
    assert (done.returncode, done.stdout.split()[:2]) == (1, ["WRONG", "store"])
    done = shell.run("doctor", "sweep", "--json")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, [(each["what"], each["ok"]) for each in told]) == (1, [("store", False)])


def test_a_job_that_is_not_there_is_named(shell: Shell) -> None:
    done = shell.run("doctor", "nothing")
    assert done.returncode == 2
    assert "there is no job 'nothing'" in done.stderr
