"""Clean up: list jobs by state, and remove several at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Shell


@pytest.fixture
def busy(shell: Shell) -> Shell:
    """Return a shell with three ended jobs and one that is held."""
    for name, command in (("good", "true"), ("bad", "false"), ("other", "true")):
        shell.run("sub", "-n", name, command)
    shell.run("sub", "-n", "open", "--no-wait", "--try", "1", "--repeat", "2", "sleep", "100")
    return shell


def names(shell: Shell, *words: str) -> list[str]:
    return [job["job"] for job in json.loads(shell.run("list", "--json", *words).stdout)]


def test_jobs_are_listed_by_state_and_removed_together(busy: Shell) -> None:
    # Jobs are listed by their state
    assert names(busy, "--state", "failed") == ["bad"]
    assert names(busy, "--state", "success", "--state", "failed") == ["good", "bad", "other"]
    assert busy.run("list", "--state", "killed").stdout == "no job is killed\n"
    # Nothing is deleted without an answer, or if one of the names does not exist
    assert busy.run("remove", "good", "bad").returncode == 2
    asked = busy.run("remove", "--ended")
    assert "delete 3 jobs (good, bad, other) with the results of their 3 tasks?" in asked.stdout + asked.stderr
    assert "there is no job 'none'" in busy.run("remove", "good", "none", "--yes").stderr
    assert busy.run("remove", "--older-than", "1h", "--yes").stdout == "no job has ended more than 1h ago\n"
    assert names(busy) == ["good", "bad", "other", "open"]
    # Several names are removed at once, and --ended leaves jobs that have not ended
    home = json.loads(busy.run("show", "good", "--json").stdout)["url"]
    assert busy.run("remove", "good", "good", "bad", "--yes").stdout == "good is removed\nbad is removed\n"
    assert not Path(home.removeprefix("file://")).exists()
    removed = json.loads(busy.run("remove", "--ended", "--yes", "--json").stdout)
    assert [job["job"] for job in removed] == ["other"]
    assert names(busy) == ["open"]
    busy.run("remove", "open", "--yes")
    assert busy.run("remove", "--ended", "--yes").stdout == "no job has ended\n"


@pytest.mark.parametrize(
    "words", [(), ("job", "--ended"), ("--older-than", "soon"), ("job", "--older-than", "1d")]
)  # fmt: skip
def test_names_and_rules_exclude_each_other(shell: Shell, words: tuple[str, ...]) -> None:
    ran = shell.run("remove", *words, "--yes")
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1), ran.stderr
