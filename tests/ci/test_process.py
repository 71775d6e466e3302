"""A step ends in time, together with all processes that it started. The last lines of pytest are kept."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from ci_steps.cluster import Cluster, NoCluster
from ci_steps.process import run
from ci_steps.report import Result, format_report, is_good, read_repeats
from ci_steps.step import Step

from tests.waiting import until

CLOSING = "=================== 3 passed, 1 skipped in 4.05s ==================="
LINT = Step("lint", "make lint", 45, 900, always=True, needs_cluster=False)
CHAOS = Step("chaos", "make e2e", 240, 900, always=False, needs_cluster=True)


def test_output_is_printed_and_the_closing_lines_are_kept(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ended = run(f"echo '{CLOSING}'; echo $WORD; exit 3", 30, {"WORD": "after"}, tmp_path)

    assert (ended.exit_code, ended.closing_lines) == (3, (CLOSING,))
    assert capfd.readouterr().out == f"{CLOSING}\nafter\n"


def test_a_step_at_its_limit_is_ended_with_its_children(tmp_path: Path) -> None:
    ended = run("(trap '' INT; echo $BASHPID > child; exec sleep 600) & wait", 1, {}, tmp_path)

    assert ended.exit_code is None
    child = int((tmp_path / "child").read_text())
    until("the end of the child", lambda: has_ended(child), 10)


def test_a_step_hears_an_interrupt_also_if_the_run_was_started_in_the_background(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for a command with `&`
    try:
        ended = run("trap 'echo interrupted > heard; exit' INT; while :; do sleep 0.1; done", 1, {}, tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)

    assert ended.exit_code is None
    assert (tmp_path / "heard").read_text() == "interrupted\n"


def has_ended(pid: int) -> bool:
    """True if the process is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_run_is_good_if_nothing_failed_and_what_always_runs_has_run() -> None:
    assert is_good([Result(LINT, "good", 3.0), Result(CHAOS, "not run")])
    assert not is_good([Result(LINT, "not run"), Result(CHAOS, "good", 3.0)])
    assert not is_good([Result(LINT, "good", 3.0), Result(CHAOS, "FAILED", 3.0)])
    assert not is_good([Result(LINT, "TIMEOUT", 3.0)])


def test_the_report_has_each_step_and_each_repeated_test(tmp_path: Path) -> None:
    (tmp_path / "flaky").write_text(json.dumps({"test": "a::b", "commit": "abc", "traceback": "E  GaveUp"}) + "\n")
    results = [Result(LINT, "good", 3.0, (CLOSING,)), Result(CHAOS, "not run", reason="minute 71")]
    lines = format_report(results, read_repeats(tmp_path / "flaky"), 12.0).splitlines()

    assert lines[1:3] == ["a::b at abc", "E  GaveUp"]
    assert "== did not run: chaos (minute 71)" in lines
    assert ["lint", "good", "3", "45"] in [line.split() for line in lines]
    assert ["chaos", "not", "run", "-", "240", "optional"] in [line.split() for line in lines]
    assert lines[-2:] == [f"lint: {CLOSING}", "== good after 12 s; 1 tests were repeated"]
    assert read_repeats(tmp_path / "none") == []


def test_a_cluster_that_is_given_is_used_and_without_one_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with pytest.raises(NoCluster, match="set KUBECONFIG and KUBEQUE_E2E_LOAD"):
        Cluster(tmp_path / "no-program").environ()
    monkeypatch.setenv("KUBECONFIG", "there")
    monkeypatch.setenv("KUBEQUE_E2E_LOAD", "load")
    assert Cluster(tmp_path / "no-program").environ() == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a cluster")
def test_one_cluster_is_started_once_on_what_a_killed_run_left_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    program = tmp_path / "cluster"
    program.write_text(
        f"#!/bin/sh\necho $1 >> {tmp_path}/words\n[ $1 != up ] || grep -q down {tmp_path}/words || echo already up\n"
        "echo export KUBECONFIG=/there\necho kube-apiserver   17\n"
    )
    program.chmod(0o755)
    cluster = Cluster(program)
    assert cluster.environ()["KUBECONFIG"] == "/there"
    assert cluster.environ()["KUBEQUE_E2E_API_PID"] == "17"
    loaded = Path(cluster.environ()["KUBEQUE_E2E_LOADED"])
    loaded.touch()  # as the tests do: the next cluster has no images
    cluster.end()
    assert not loaded.exists()
    cluster.end()
    assert (tmp_path / "words").read_text().split() == ["up", "down", "up", "status", "down"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a cluster")
def test_a_cluster_that_does_not_end_does_not_keep_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr("ci_steps.cluster._END_SECONDS", 0.5)
    program = tmp_path / "cluster"
    program.write_text(
        "#!/bin/sh\n[ $1 != down ] || exec sleep 60\necho export KUBECONFIG=/a; echo kube-apiserver 17\n"
    )
    program.chmod(0o755)
    cluster = Cluster(program)
    cluster.environ()
    cluster.end()
    assert f"the cluster did not end within 0.5 s: {program} down" in capsys.readouterr().out
