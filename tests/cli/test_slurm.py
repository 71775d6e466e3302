"""Array jobs of a real Slurm run `kubeque work`: signals before the time limit, requeued and killed array tasks."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.servers.here import running
from tests.servers.slurm import Slurm
from tests.waiting import until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    with running(Slurm) as made:
        yield made


def submit(shell: Shell, rows: int, seconds: float) -> Path:
    log = shell.folder / "rows.log"
    words = ["-n", "s", "--no-wait", "--run-on", "work", "--lease", "10s", "--grid", f"x=1..{rows}"]
    ran = shell.run("sub", *words, "--", "sh", "-c", f"echo {{x}} >> {log}; sleep {seconds}")
    assert ran.returncode == 0, ran.stderr
    return log


def start(slurm: Slurm, shell: Shell, *options: str, work: str = "") -> str:
    """Submit an array job of three tasks. Return its id."""
    slurm.env |= {"KUBEQUE_HOME": str(shell.home)}
    wrap = f"exec {sys.executable} -m kubeque work --consumers 1 {work}"
    return slurm.run(
        "sbatch", "--parsable", "--array=1-3", "--cpus-per-task=1", *options, "--wrap", wrap, cwd=shell.folder
    ).strip()


def states(slurm: Slurm, job: str) -> Counter[str]:
    """Return the number of array tasks with each state and exit code."""
    fields = (dict(word.partition("=")[::2] for word in line.split()) for line in
              slurm.run("scontrol", "-o", "show", "job", job).splitlines())  # fmt: skip
    return Counter(f"{task['JobState']} {task['ExitCode']}" for task in fields)


def counts(shell: Shell) -> dict[str, int]:
    return dict(json.loads(shell.run("status", "s", "--json").stdout)["counts"])


def test_an_array_job_runs_each_row_once(slurm: Slurm, shell: Shell) -> None:
    log = submit(shell, 40, 0.5)
    job = start(slurm, shell, "--time=10", "--signal=B:TERM@60", work="--for 9m")
    assert shell.run("watch", "s", timeout=200).returncode == 0
    assert Counter(log.read_text().split()) == {str(x): 1 for x in range(1, 41)}
    until("the array job has ended", lambda: states(slurm, job) == {"COMPLETED 0:0": 3}, seconds=60)


def test_the_signal_before_the_time_limit_gives_rows_back(slurm: Slurm, shell: Shell) -> None:
    log = submit(shell, 6, 240)
    job = start(slurm, shell, "--time=2", "--signal=B:TERM@60")
    until("three rows run", lambda: log.exists() and len(log.read_text().split()) >= 3, seconds=60)
    until("the array job has ended", lambda: states(slurm, job) == {"COMPLETED 0:0": 3}, seconds=180)
    found = counts(shell)
    assert (found["pending"], found["failed"]) == (6, 0)
    tasks = map(json.loads, shell.run("status", "s", "--tasks", "--json").stdout.splitlines())
    assert {task["attempts"] for task in tasks} == {0}, "the signal is not charged"
    shell.run("kill", "s")


def test_requeued_and_killed_array_tasks_lose_no_row(slurm: Slurm, shell: Shell) -> None:
    log = submit(shell, 30, 3)
    job = start(slurm, shell, "--time=10", work="--idle 30s")
    until("three rows run", lambda: log.exists() and len(log.read_text().split()) >= 3, seconds=60)
    slurm.run("scontrol", "requeue", f"{job}_1")
    batch = slurm.run("scontrol", "listpids").splitlines()[1:]
    os.kill(int(batch[0].split()[0]), signal.SIGKILL)
    began = time.monotonic()
    assert shell.run("watch", "s", timeout=300).returncode == 0, time.monotonic() - began
    assert counts(shell)["ok"] == 30
    slurm.run("scancel", job)
    assert "WRONG" not in shell.run("doctor", "s").stdout
