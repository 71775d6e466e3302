"""A plugin for pytest: a test marked `e2e` or `kill` that failed while it waited is repeated once.

A test waits where it fails with GaveUp or NotStarted of tests/waiting.py. Any other failure is final, and so is one
of the fixtures' ends. KUBEQUE_FLAKY names a file with one line for each repeated test: all steps of a CI run share
it, and at most two tests are repeated together.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import call_and_report

from tests.waiting import GaveUp, NotStarted

#: Number of tests that a run may repeat; more failures are not accidental.
MOST_REPEATS = 2
_MARKS = ("e2e", "kill")
_REPEATED = pytest.StashKey[bool]()
_REPEATS = pytest.StashKey[list[dict[str, str]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_REPEATS] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Iterator[None]:
    """Note at a report whether the test failed while it waited."""
    report: Any = yield
    report.waited = call.excinfo is not None and isinstance(call.excinfo.value, (GaveUp, NotStarted))
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test that may be repeated. None leaves the test to pytest."""
    if item.stash.get(_REPEATED, False) or not any(item.get_closest_marker(mark) for mark in _MARKS):
        return None
    reports = _run_once(item, nextitem)
    first = next((report for report in reports if report.failed), None)
    if first is None or not _may_repeat(item.config, reports):
        _log(item, reports)
        return True
    _note_repeat(item, first)
    item.stash[_REPEATED] = True
    item.ihook.pytest_runtest_protocol(item=item, nextitem=nextitem)  # with a time limit of its own
    return True


def _run_once(item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
    """Run a test and its fixtures. If it failed while it waited, all fixtures end, so that servers start again."""
    _forget_fixtures(item)
    reports = [call_and_report(item, "setup", log=False)]
    if reports[0].passed:
        reports.append(call_and_report(item, "call", log=False))
    waited = any(getattr(report, "waited", False) for report in reports)
    reports.append(call_and_report(item, "teardown", log=False, nextitem=None if waited else nextitem))
    _forget_fixtures(item)
    return reports


def _forget_fixtures(item: Any) -> None:
    """Give a test function new fixtures for its next run."""
    item._initrequest()


def _may_repeat(config: pytest.Config, reports: Sequence[pytest.TestReport]) -> bool:
    """True if the test failed only by waiting, and not too many tests were repeated before."""
    waited = all(getattr(report, "waited", False) for report in reports if report.failed)
    return waited and _count_repeats(config) < MOST_REPEATS


def _count_repeats(config: pytest.Config) -> int:
    file = os.environ.get("KUBEQUE_FLAKY")
    if file is None:
        return len(config.stash[_REPEATS])
    return len(Path(file).read_text().splitlines()) if Path(file).exists() else 0


def _note_repeat(item: pytest.Item, first: pytest.TestReport) -> None:
    note = {"test": item.nodeid, "commit": _commit(item.config.rootpath), "traceback": first.longreprtext}
    item.config.stash[_REPEATS].append(note)
    if file := os.environ.get("KUBEQUE_FLAKY"):
        with open(file, "a") as notes:
            notes.write(json.dumps(note) + "\n")


def _commit(folder: Path) -> str:
    try:
        words = ["git", "rev-parse", "HEAD"]
        return subprocess.run(words, cwd=folder, text=True, check=True, capture_output=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _log(item: pytest.Item, reports: Sequence[pytest.TestReport]) -> None:
    """Report a test to pytest as its own protocol does."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print each repeated test with its commit and its first traceback."""
    if repeats := config.stash[_REPEATS]:
        terminalreporter.section("FLAKY")
    for one in repeats:
        terminalreporter.write_line(f"{one['test']} at {one['commit']}: failed while waiting, and repeated")
        terminalreporter.write_line(one["traceback"])
