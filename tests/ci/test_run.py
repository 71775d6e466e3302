"""A complete CI run, from its first step to its exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from ci_steps.__main__ import run_steps
from ci_steps.plan import LAST_END_SECONDS
from ci_steps.report import Result, format_report, is_good
from ci_steps.step import Step

from tests.ci.test_process import has_ended
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]


def step(name: str, command: str, *, always: bool = True, limit: int = 30) -> Step:
    return Step(name, command, 10, limit, always=always, needs_cluster=False)


@pytest.mark.usefixtures("capfd")
def test_a_failed_step_does_not_stop_the_others_and_a_late_one_does_not_start(tmp_path: Path) -> None:
    steps = [
        step("bad", "exit 3"), step("slow", "sleep 60", limit=1), step("late", "true", always=False),
        step("last", "true"),
    ]  # fmt: skip
    results: list[Result] = []
    run_steps(steps, lambda: LAST_END_SECONDS - 9.0, True, tmp_path / "flaky", results)
    assert [(one.step.name, one.verdict) for one in results] == [
        ("bad", "FAILED"), ("slow", "TIMEOUT"), ("late", "not run"), ("last", "good"),
    ]  # fmt: skip

    results.clear()
    run_steps(steps[2:], lambda: LAST_END_SECONDS - 9.0, False, tmp_path / "flaky", results)
    assert [one.verdict for one in results] == ["good", "good"]


def test_a_step_without_its_python_does_not_run_and_fails_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    steps = [replace(step("old", "exit 3"), python="3.2"), replace(step("here", "true"), python=here)]
    results: list[Result] = []
    run_steps(steps, lambda: 0.0, True, tmp_path / "flaky", results)
    assert "== old: not run: no Python 3.2 on this machine\n" in capfd.readouterr().out
    assert [(one.verdict, one.excused) for one in results] == [("not run", True), ("good", False)]
    assert is_good(results)
    assert "== did not run: old (no Python 3.2 on this machine)\n" in format_report(results, [], 1)
    assert not is_good([Result(steps[0], "not run", reason="interrupted")])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a cluster")
def test_a_cluster_runs_only_during_steps_that_need_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBECONFIG", "KUBEQUE_E2E_LOAD"):
        monkeypatch.delenv(name, raising=False)
    program, words = tmp_path / "cluster", tmp_path / "words"
    program.write_text(f"#!/bin/sh\necho $1 >> {words}\necho export KUBECONFIG=/there\necho kube-apiserver   17\n")
    program.chmod(0o755)
    monkeypatch.setattr("ci_steps.__main__.CLUSTER", program)
    note = f"echo step >> {words}"
    first, second, last = (replace(step(name, note), needs_cluster=True) for name in ("first", "second", "last"))
    results: list[Result] = []
    run_steps([first, second, step("between", note), last], lambda: 0.0, True, tmp_path / "flaky", results)

    said = [word for word in words.read_text().split() if word != "status"]
    assert said == ["up", "step", "step", "down", "step", "up", "step", "down"]
    assert [one.verdict for one in results] == ["good"] * 4


def test_an_interrupted_run_ends_its_step_and_reports(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "ci_steps").symlink_to(ROOT / ".ci" / "ci_steps")
    program = (
        f"import ci_steps.__main__ as main; from pathlib import Path; main.ROOT = Path({str(tmp_path)!r})\n"
        "import sys; sys.exit(main.main())"
    )
    (tmp_path / ".ci" / "steps").write_text(
        "always 1 60 - slow touch began; sleep 60 & echo $! > child; wait\nalways 1 60 - next touch next\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", program, "slow", "next"], cwd=tmp_path / ".ci", text=True, stdout=subprocess.PIPE
    )
    until("the child", lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text())
    running.send_signal(signal.SIGTERM)
    said, _ = running.communicate(timeout=60)

    assert running.returncode == 1
    assert "== did not run: slow (interrupted), next (interrupted)" in said
    assert not (tmp_path / "next").exists()
    child = int((tmp_path / "child").read_text())
    until("the end of the child", lambda: has_ended(child), 10)


def test_a_step_that_does_not_exist_is_named() -> None:
    words = [sys.executable, "-m", "ci_steps", "smok"]
    done = subprocess.run(words, cwd=ROOT / ".ci", text=True, capture_output=True, check=False)
    assert done.returncode == 2
    assert "there is no step 'smok' in .ci/steps; choose from lint, test" in done.stderr
