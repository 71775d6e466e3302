"""The log of an Airflow task that waits: few lines, with rate, groups of failures, and their output at the end."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from kubeque.client import Client, Progress
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import Closing, JobState
from kubeque.model.rows.grid import grid
from kubeque_provider.airflow_versions import AirflowTaskTimeout
from kubeque_provider.exceptions import RowsFailed
from kubeque_provider.hooks.progress_log import ProgressLog
from kubeque_provider.operators.submit import KubequeSubmitOperator
from tests.provider.conftest import Run

Execute = Callable[..., Any]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def progress(ok: int, *, running: int = 1, obstacles: tuple[str, ...] = (), ended: bool = False) -> Progress:
    counts = Counts(pending=100 - ok - running, running=running, ok=ok)
    closing = Closing(at=1.0, success=True, counts=counts) if ended else None
    return Progress(Job("a_very_long_name", "uid", 100, "/r", closing=closing), counts, obstacles=obstacles)


def texts(log: ProgressLog, seen: Progress) -> list[str]:
    with Client() as client:
        return [line.text for line in log.read(client, seen)]


def test_a_line_comes_if_something_changed_and_at_most_once_a_minute() -> None:
    clock = Clock()
    log = ProgressLog(clock)
    lines = []
    for second in range(0, 36_000, 10):  # ten hours, with a change at each poll
        clock.now = float(second)
        lines += texts(log, progress(min(99, second // 360), running=second % 2 + second // 10 % 2))
    assert 500 < len(lines) <= 601

    # Nothing is logged while nothing changes
    clock.now += 600.0
    same = progress(99)
    texts(log, same)
    clock.now += 3_600.0
    assert texts(log, same) == []


def test_a_line_has_the_rate_and_the_remaining_time_and_not_the_name_of_the_job() -> None:
    clock = Clock()
    log = ProgressLog(clock)
    assert texts(log, progress(0)) == ["0/100 done, 1 running"]
    clock.now = 60.0
    assert texts(log, progress(20)) == ["20/100 done, 1 running, 20.0 tasks/min, about 4m00s left"]
    clock.now = 61.0
    assert texts(log, progress(21)) == []
    # The last line comes at once.
    assert texts(log, progress(100, running=0, ended=True))[0].startswith("100/100 done")


def test_obstacles_and_polls_without_an_answer_are_named_once_a_minute_too() -> None:
    clock = Clock()
    log = ProgressLog(clock)
    said = []
    for second in range(120):
        clock.now = float(second)
        why = ("the job is paused",) if second % 2 else ("no consumer runs",)
        said += [line for line in texts(log, progress(5, obstacles=why)) if "waits" in line]
        said += [line.text for line in log.no_answer(OSError("refused"))]
    assert sorted(said) == ["the poll failed and is repeated: refused"] * 2 + [
        "waits: no consumer runs",
        "waits: the job is paused",
    ]


def test_failures_are_grouped_and_the_end_of_their_stderr_is_in_the_log(
    submit: Execute, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    # Given rows that fail for two reasons, with a control character and many lines
    script = (
        "for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do echo noise $n >&2; done;"
        " case $1 in 1|2|3) printf 'bad input \\033[31m%s\\n' $1 >&2; exit 3;; 4) exec 2>/dev/null; exit 4;; esac"
    )
    caplog.set_level(logging.INFO)
    with pytest.raises(RowsFailed):
        submit(["/bin/sh", "-c", script, "x", "{a}"], parameters=grid(a=[1, 2, 3, 4, 5]))
    said = "".join(capfd.readouterr()) + caplog.text

    # Then the log has each group once, with the last lines that its first row wrote
    assert "3 x exit code 3: noise 20 | bad input # (rows 0, 1 and 2); the end of stderr of row 0:" in said
    assert "    noise 20\n" in said
    assert "    bad input 1" in said
    assert "    noise 5\n" not in said
    assert "\x1b[31m" not in said
    assert "5/5 done, 4 failed" in said
    assert "; failed: 3 x exit code 3: noise 20 | bad input # (rows 0, 1 and 2)" in said


@pytest.mark.parametrize(("cancel", "outcome"), [(True, "is cancelled"), (False, "continues")])
def test_at_execution_timeout_the_log_says_what_happens_to_the_sweep(
    run: Run, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], cancel: bool, outcome: str
) -> None:
    # Given a submission that waits, and the alarm with which Airflow ends it
    operator = KubequeSubmitOperator(
        task_id="submit", command=["/bin/sleep", "600"], poke_interval=0.1, cancel_on_kill=cancel,
        execution_timeout=timedelta(seconds=1),
    )  # fmt: skip

    def end(*_: Any) -> None:
        raise AirflowTaskTimeout("Timeout")

    caplog.set_level(logging.INFO)
    before = signal.signal(signal.SIGALRM, end)
    try:
        signal.setitimer(signal.ITIMER_REAL, 3.0)
        with pytest.raises(AirflowTaskTimeout):
            run.execute(operator)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    operator.on_kill()  # Airflow calls it after the timeout

    said = "".join(capfd.readouterr()) + caplog.text
    name = run.xcoms["submit", "job_id"]
    assert f"execution_timeout: the sweep {name} {outcome}" in said
    other = {"is cancelled": "continues", "continues": "is cancelled"}[outcome]
    assert other not in said
    with Client() as client:
        assert client.job(name).state is (JobState.KILLED if cancel else JobState.ACTIVE)
