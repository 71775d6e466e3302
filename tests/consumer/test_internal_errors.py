"""Unexpected errors in each part of a consumer: they end the attempt, and other jobs go on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def break_consumers(folder: Path, *targets: str, seconds: float = 60) -> list[dict[str, Any]]:
    """Run tests/consumer/breaking.py and return its reports."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.consumer.breaking", str(folder), *targets],
        capture_output=True, text=True, timeout=seconds, cwd=ROOT,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.mark.parametrize(
    ("target", "thread"),
    [
        ("attempt/workdir.py:Workdir.stage", "supplier"),
        ("results.py:save", "saver"),
        ("decisions.py:Decisions._run_ended", "MainThread"),
        pytest.param("attempt/process.py:_Run.wait", "MainThread", marks=pytest.mark.rotating),
    ],
)
def test_an_unexpected_error_is_the_outcome_of_its_attempt(tmp_path: Path, target: str, thread: str) -> None:
    (found,) = break_consumers(tmp_path, f"kubeque/consumer/{target}")

    assert (found["victim"], found["other"], found["hit"]) == (["internal", "ok"], ["ok"], thread)
    log = Path(found["log"]).read_text()
    assert "an error in kubeque, please report it: Injected: in kubeque/consumer/" in log
    assert "Traceback" in log


def test_an_error_that_returns_fails_its_task_and_no_other(tmp_path: Path) -> None:
    (found,) = break_consumers(tmp_path, "kubeque/consumer/runner.py:Runner._watch_command*3")

    assert (found["victim"], found["other"], found["codes"]) == (["internal"] * 3, ["ok"], [0])


def test_an_outcome_that_cannot_be_stored_is_recorded_as_internal(tmp_path: Path) -> None:
    (found,) = break_consumers(tmp_path, "kubeque/queues/lease.py:Lease._try_write*2")

    assert (found["victim"], found["other"], found["codes"]) == (["internal", "ok"], ["ok"], [0])


def test_a_job_whose_tasks_cannot_be_claimed_ends_and_no_other(tmp_path: Path) -> None:
    (found,) = break_consumers(tmp_path, "kubeque/queues/claim.py:Claimer.try_claim*99")

    assert (found["victim"], found["other"], found["codes"]) == ([], ["ok"], [0])
    assert found["reason"] == "its tasks cannot be claimed (Injected: in Claimer.try_claim)"


@pytest.mark.parametrize(
    "target",
    [
        "heartbeat.py:Heartbeat._act",
        pytest.param("log_upload.py:LogUploader._read", marks=pytest.mark.rotating),
    ],
)
def test_an_error_beside_the_tasks_ends_none(tmp_path: Path, target: str) -> None:
    (found,) = break_consumers(tmp_path, f"kubeque/consumer/{target}")

    assert (found["victim"], found["other"], found["codes"]) == (["ok"], ["ok"], [0])
    assert "Injected: in kubeque/consumer/" in Path(found["log"]).read_text()


@pytest.mark.parametrize("page", ["[[1]]", "[" * 100_000], ids=["number", "deep"])
def test_a_damaged_page_is_the_outcome_of_its_tasks(tmp_path: Path, page: str) -> None:
    (found,) = break_consumers(tmp_path, f"page={page}")

    assert (found["victim"], found["other"], found["codes"]) == (["stage"], ["ok"], [0])
    assert "Traceback" not in Path(found["log"]).read_text()


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_each_function_of_the_consumer_may_fail(tmp_path: Path) -> None:
    found = break_consumers(tmp_path, seconds=3600)

    assert len(found) > 200
    bad = [
        report
        for report in found
        if report["victim"] not in (["ok"], ["internal", "ok"], ["stage", "ok"], ["lost", "ok"])
        or report["other"] != ["ok"]
        or len(report["codes"]) > 3
    ]
    assert not bad, bad
