"""The live view of a job: rate, remaining time and latest failures."""

from __future__ import annotations

import os
import sys

import pytest
from rich.console import Console

from kubeque.cli.output.live_view import Pace, render
from kubeque.client import Progress, TaskRow
from kubeque.model.job.causes import Cause
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.task import Outcome, TaskRecord, TaskState, TaskView


def test_the_rate_is_that_of_the_last_minute() -> None:
    pace = Pace()
    for second in range(200):
        pace.add(float(second), second if second < 100 else 100 + 3 * (second - 100))
    assert pace.rate is not None
    assert abs(pace.rate - 3) < 0.01
    assert pace.seconds_for(300) == 300 / pace.rate

    pace.add(201.0, 0)  # reset
    assert (pace.rate, pace.seconds_for(10)) == (None, None)


def test_the_picture_names_counts_consumers_and_failures_and_fits_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("kubeque.cli.output.job_text.shutil.get_terminal_size", lambda: os.terminal_size((80, 24)))
    job = Job("sweep", "u" * 12, 100, "/x")
    outcome = Outcome(7, 1, Cause.EXIT, 1, message="exit code 1: \x1b[31mValueError: zoom " + "x" * 300)
    line = TaskRow(
        TaskView(7, TaskState.FAILED, 0, TaskRecord(1, {}, (), outcome)),
        {"zoom": "[red]7[/]", "path": "/data/" * 20, "index": "7"},
    )
    pace = Pace()
    pace.add(0.0, 0)
    pace.add(10.0, 40)
    console = Console(width=80, force_terminal=True, color_system=None, highlight=False, record=True)
    with console.capture() as captured:
        console.print(render(Progress(job, Counts(58, 2, 39, 1), 2), pace, [line]))
    text = captured.get()
    for words in ("40 of 100 tasks", "39 ok", "2 consumers", "4.0 tasks/s", "about 15s left", "zoom=[red]7[/]"):
        assert words in text, text
    assert "\x1b[31m" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert "ValueError: zoom" in text
    assert [line.split()[0] for line in text.splitlines()[2:4]] == ["58", "2"], "each on a line of its own"
