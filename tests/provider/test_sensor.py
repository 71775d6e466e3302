"""The sensor waits for a sweep, repairs it, and reports failed rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubeque.client import Client
from kubeque.model.rows.grid import grid
from kubeque_provider.exceptions import BadSweep, SweepFailed, SweepKilled

Execute = Callable[..., Any]
COMMAND = ["/bin/sh", "-c", "echo {a} >> $DIR/runs; test ! -e $DIR/bad-{a}"]


def start(submit: Execute, folder: Path, attempt: int = 1) -> Any:
    return submit(COMMAND, attempt, parameters=grid(a=[1, 2]), env={"DIR": str(folder)}, wait=False)


def runs(folder: Path) -> list[str]:
    return sorted((folder / "runs").read_text().split())


@pytest.mark.parametrize("by", ["pointer", "name"])
def test_it_returns_the_pointer_when_the_job_has_ended(submit: Execute, wait: Execute, tmp_path: Path, by: str) -> None:
    pointer = start(submit, tmp_path)
    found = wait(pointer if by == "pointer" else pointer["job_id"])
    assert found == {**pointer, "counts": {"pending": 0, "running": 0, "ok": 2, "failed": 0, "killed": 0, "held": 0}}


def test_it_fails_naming_rows_and_another_try_repairs(submit: Execute, wait: Execute, tmp_path: Path) -> None:
    (tmp_path / "bad-2").touch()
    pointer = start(submit, tmp_path)
    with pytest.raises(SweepFailed, match=r"row 1 \(a=2\): exit 1"):
        wait(pointer)
    assert runs(tmp_path) == ["1", "2"]
    with pytest.raises(SweepFailed):  # once for each try, not for ever
        wait(pointer, 2)
    assert runs(tmp_path) == ["1", "2", "2"]
    (tmp_path / "bad-2").unlink()
    assert wait(pointer, 3)["counts"]["ok"] == 2
    assert runs(tmp_path) == ["1", "2", "2", "2"]


def test_when_submit_and_sensor_are_cleared_failed_rows_run_once_more(
    submit: Execute, wait: Execute, tmp_path: Path
) -> None:
    (tmp_path / "bad-2").touch()
    with pytest.raises(SweepFailed):
        wait(start(submit, tmp_path))
    again = start(submit, tmp_path, 2)
    with Client() as client:
        client.wait(again["job_id"], timeout=60)
    with pytest.raises(SweepFailed):
        wait(again, 2)
    assert runs(tmp_path) == ["1", "2", "2"]


def test_a_killed_sweep_is_said_to_be_killed(submit: Execute, wait: Execute) -> None:
    pointer = submit(["/bin/sleep", "60"], wait=False)
    with Client() as client:
        client.kill(pointer["job_id"])
    with pytest.raises(SweepKilled, match="was killed"):
        wait(pointer)


def test_there_is_no_waiting_for_a_job_that_is_not_there(wait: Execute) -> None:
    with pytest.raises(BadSweep, match="there is no job 'nobody'"):
        wait("nobody")
