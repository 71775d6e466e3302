"""The live view of a job: rate, remaining time and latest failures."""

from __future__ import annotations

import os
import sys

import pytest
from rich.console import Console

from kubeque.cli.output import task_list
from kubeque.cli.output.live_view import Tasks, render
from kubeque.cli.output.retry_text import format_retries
from kubeque.cli.output.task_list import TaskList
from kubeque.client import Progress, TaskRow
from kubeque.model.errors import KubequeError, QueueUnavailable, StorageError
from kubeque.model.job.causes import Cause
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.task import Outcome, Running, TaskRecord, TaskState, TaskView
from kubeque.model.stats.pace import Pace
from kubeque.model.stats.places import Kind, PlaceCount


def test_the_rate_is_that_of_the_last_minute() -> None:
    pace = Pace()
    for second in range(200):
        pace.add(float(second), second if second < 100 else 100 + 3 * (second - 100))
    assert pace.rate is not None
    assert abs(pace.rate - 3) < 0.01
    assert pace.seconds_for(300) == 300 / pace.rate

    pace.add(201.0, 0)  # reset
    assert (pace.rate, pace.seconds_for(10)) == (None, None)


def picture(progress: Progress, tasks: Tasks, *, width: int = 80, height: int = 24, now: float = 0.0) -> list[str]:
    """Return the lines of the live view of a job of which 40 tasks ended in 10 s."""
    pace = Pace()
    pace.add(0.0, 0)
    pace.add(10.0, 40)
    console = Console(width=width, height=height, force_terminal=True, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(render(progress, pace, tasks, now=now, height=height))
    return captured.get().splitlines()


def failed_task(index: int) -> TaskRow:
    outcome = Outcome(index, 1, Cause.EXIT, 1, message="exit code 1: \x1b[31mValueError: zoom " + "x" * 300)
    view = TaskView(index, TaskState.FAILED, 0, TaskRecord(1, {}, (), outcome))
    return TaskRow(view, {"zoom": "[red]7[/]", "path": "/data/" * 20, "index": str(index)})


def running_task(index: int, since: float, noted: float, attempt: int = 1) -> TaskRow:
    view = TaskView(index, TaskState.RUNNING, 0, TaskRecord(attempt), f"node-{index}", Running(since, noted))
    return TaskRow(view, {"zoom": str(index), "index": str(index)})


def test_the_picture_names_counts_consumers_and_failures_and_fits_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("kubeque.cli.output.job_text.shutil.get_terminal_size", lambda: os.terminal_size((80, 24)))
    job = Job("sweep", "u" * 12, 100, "/x", created=1000.0)
    lines = picture(Progress(job, Counts(58, 2, 39, 1), 2), Tasks(failed=[failed_task(7)]), now=1083.0)
    text = "\n".join(lines)
    for words in (
        "40 of 100 tasks (40%)", "39 ok", "2 consumers", "4.0 tasks/s", "1m23s elapsed", "about 15s left",
        "zoom=[red]7[/]",
    ):  # fmt: skip
        assert words in text, text
    assert "\x1b[31m" not in text
    assert max(map(len, lines)) <= 80
    assert "ValueError: zoom" in text
    assert [line.split()[0] for line in lines[2:4]] == ["58", "2"], "each on a line of its own"


def test_the_picture_lists_running_tasks_with_duration_attempt_and_consumer() -> None:
    job = Job("sweep", "u" * 12, 100, "/x", created=1000.0)
    running = [running_task(3, 1000.0, 1055.0), running_task(4, 1030.0, 1060.0, attempt=2)]
    lines = picture(Progress(job, Counts(58, 2, 39, 1), 2), Tasks(running), now=1080.0)
    assert lines[4:7] == [
        "running now, longest first",
        "  task 3 1m20s (seen 25s ago), node-3  zoom=3",
        "  task 4 50s (seen 20s ago), attempt 2, node-4  zoom=4",
    ]


def test_the_picture_names_the_places_if_there_are_several() -> None:
    job = Job("sweep", "u" * 12, 100, "/x", created=1000.0)
    places = (PlaceCount(Kind.LOCAL, 2), PlaceCount(Kind.WORK, 3, "lab\x1b[31m7"))
    lines = picture(Progress(job, Counts(58, 2, 39, 1), 5, places=places), Tasks(), now=1083.0)
    assert lines[-1] == "consumers: 2 here, 3 work on lab\N{REPLACEMENT CHARACTER}[31m7"
    lines = picture(Progress(job, Counts(58, 2, 39, 1), 2, places=places[:1]), Tasks(), now=1083.0)
    assert not any("consumers: " in line for line in lines)


@pytest.mark.parametrize("height", [10, 16, 24, 40])
@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_picture_fits_every_screen(width: int, height: int) -> None:
    job = Job("a-name-that-is-longer-than-it-needs-to-be-for-a-sweep", "u" * 12, 10**6, "/x", created=1000.0)
    tasks = Tasks([running_task(i, 0.0, 0.0) for i in range(5)], [failed_task(i) for i in range(5)])
    progress = Progress(job, Counts(500_000, 64, 400_000, 99_936), 64, ("no consumer runs: " + "kubeque watch " * 20,))
    lines = picture(progress, tasks, width=width, height=height, now=9e8)
    assert len(lines) < height, "the cursor is below the picture"
    assert max(map(len, lines)) <= width
    assert any("failed last" in line for line in lines) or height < 24


def retried_task(index: int, cause: Cause, count: int, message: str = "") -> TaskRow:
    record = TaskRecord(count, {cause: count}, (), Outcome(index, count, cause, message=message))
    return TaskRow(TaskView(index, TaskState.PENDING, 0, record), {"index": str(index)})


def test_interruptions_and_results_that_cannot_be_stored_are_listed_while_they_happen() -> None:
    retried = [
        retried_task(7, Cause.LOST, 4, "its consumer vanished"),
        retried_task(9, Cause.STORE, 1, "disk full"),
        retried_task(11, Cause.OOM, 2),
    ]
    words = [
        "row 7: interrupted 4 times: its consumer vanished",
        "row 9: its results could not be stored once: disk full",
        "row 11: failed 2 times by oom and runs again",
    ]
    assert list(format_retries(retried)) == words
    job = Job("sweep", "u" * 12, 100, "/x", created=1000.0)
    lines = picture(Progress(job, Counts(58, 2, 39, 1), 2), Tasks(retried=retried))
    assert lines[4:] == ["running again", *(f"  {text}" for text in words)]


@pytest.mark.parametrize("error", [QueueUnavailable("the queue is away"), StorageError("the store is away")])
def test_a_list_keeps_its_tasks_while_queue_or_store_do_not_answer(
    monkeypatch: pytest.MonkeyPatch, error: KubequeError
) -> None:
    monkeypatch.setattr(task_list, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(task_list, "_PAUSE_FACTOR", 0)
    first, second = (TaskRow(TaskView(index, TaskState.PENDING, 0, TaskRecord()), {}) for index in (1, 2))
    answers: list[TaskRow | KubequeError] = [first, error, second]

    def read() -> list[TaskRow]:
        answer = answers.pop(0)
        if isinstance(answer, KubequeError):
            raise answer
        return [answer]

    tasks, seen = TaskList(read), []
    for key in (1, 2, 2, 2):
        tasks.refresh(1, key)
        seen.append([row.view.index for row in tasks.lines])

    assert seen == [[1], [1], [2], [2]]
