"""The plugin repeats failed tests only if they failed while they waited."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

pytest_plugins = ["pytester"]
Run = Callable[..., pytest.RunResult]
HEAD = """
import os, time
from pathlib import Path
import pytest
from tests.waiting import GaveUp, NotStarted, until

def count(name):
    with open(name, "a") as file:
        file.write("x")
    return len(Path(name).read_text())
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the tests in a source text with the plugin."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # importing them again takes seconds
    monkeypatch.setenv("KUBEQUE_FLAKY", str(pytester.path / "flaky"))
    pytester.makeini("[pytest]\nmarkers =\n    e2e\n    kill\n")

    def do(text: str, *words: str) -> pytest.RunResult:
        pytester.makepyfile(HEAD + text)
        return pytester.runpytest_inprocess("-p", "tests.flaky", "-p", "pytest_timeout", *words)

    return do


def test_a_test_that_gave_up_is_repeated_once_with_new_fixtures(run: Run, pytester: pytest.Pytester) -> None:
    done = run("""
@pytest.fixture(scope="session")
def server():
    yield count("starts")
    count("ends")

@pytest.fixture
def one(server):
    return server

@pytest.mark.e2e
def test_before(one):
    assert one == 1

@pytest.mark.e2e
def test_late(one):
    until("the second run", lambda: count("runs") == 2, 0)
    assert one == 2

def test_after(one):
    assert one == 2
""")
    done.assert_outcomes(passed=3)
    assert len((pytester.path / "ends").read_text()) == 2
    lines = ["*= FLAKY =*", "*::test_late at *: failed while waiting*", "*GaveUp: gave up waiting for the second run*"]
    done.stdout.fnmatch_lines(lines)
    (note,) = [json.loads(line) for line in (pytester.path / "flaky").read_text().splitlines()]
    assert note["test"].endswith("::test_late")
    assert "GaveUp" in note["traceback"]


def test_a_server_that_did_not_start_is_started_again(run: Run) -> None:
    done = run("""
@pytest.fixture(scope="session")
def server():
    if count("starts") == 1:
        raise NotStarted("no answer")

@pytest.mark.kill
def test_it(server):
    pass
""")
    done.assert_outcomes(passed=1)


def test_a_second_failure_is_final_and_told_once(run: Run) -> None:
    done = run("""
@pytest.mark.e2e
def test_late():
    until("never", lambda: count("runs") == 9, 0)

def test_runs():
    assert Path("runs").read_text() in ("xx", "xxxx")
""")
    done.assert_outcomes(failed=1, passed=1)


@pytest.mark.parametrize(
    "text",
    [
        "@pytest.mark.e2e\ndef test_rows():\n    count('runs')\n    assert [1] == [1, 1], 'ran twice'\n",
        "@pytest.mark.e2e\ndef test_rows():\n    count('runs')\n    raise RuntimeError('anything else')\n",
        "def test_without_a_mark():\n    count('runs')\n    until('never', lambda: False, 0)\n",
    ],
    ids=["assertion", "other-error", "no-mark"],
)
def test_other_failures_are_red_at_once(run: Run, pytester: pytest.Pytester, text: str) -> None:
    done = run(text)
    done.assert_outcomes(failed=1)
    assert (pytester.path / "runs").read_text() == "x"
    done.stdout.no_fnmatch_line("*FLAKY*")


def test_what_is_left_behind_is_red_even_if_the_test_gave_up(run: Run, pytester: pytest.Pytester) -> None:
    done = run("""
@pytest.fixture
def cluster():
    yield
    assert ["a-secret"] == []

@pytest.mark.e2e
def test_late(cluster):
    count("runs")
    until("never", lambda: False, 0)
""")
    done.assert_outcomes(failed=1, errors=1)
    assert (pytester.path / "runs").read_text() == "x"


def test_two_tests_are_repeated_in_all_steps_together(run: Run, pytester: pytest.Pytester) -> None:
    text = """
@pytest.mark.e2e
@pytest.mark.parametrize("name", ["first", "second", "third"])
def test_late(name):
    until("the second run", lambda: count(name) % 2 == 0, 0)
"""
    run(text, "-k", "first").assert_outcomes(passed=1)
    run(text, "-k", "second or third").assert_outcomes(passed=1, failed=1)
    assert [len((pytester.path / name).read_text()) for name in ("first", "second", "third")] == [2, 2, 1]


def test_a_repeated_test_has_all_of_its_time_again(run: Run) -> None:
    done = run("""
@pytest.mark.e2e
@pytest.mark.timeout(4)
def test_slow():
    time.sleep(2.5)
    until("the second run", lambda: count("runs") == 2, 0)
""")
    done.assert_outcomes(passed=1)
