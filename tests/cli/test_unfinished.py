"""Commands that read results say on standard error how many rows have not ended, and which command waits for them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from kubeque.cli.output.notes import format_unfinished
from kubeque.client import Progress
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.pause import Pause
from tests.cli.conftest import Shell

JOB = Job("a job", "uid", 8, "/results/a job/uid")


@pytest.mark.parametrize(
    ("job", "counts", "selected", "text"),
    [
        (JOB, Counts(ok=7, failed=1), None, ""),
        (JOB, Counts(pending=3, ok=5), 0, ""),
        (JOB, Counts(running=1, ok=7), None, "1 of 8 rows has not ended: kubeque watch 'a job' waits for the end"),
        (JOB, Counts(2, 1, 5), None, "3 of 8 rows have not ended: kubeque watch 'a job' waits for the end"),
        (JOB, Counts(2, 1, 5), 2, "2 of the selected rows have not ended: kubeque watch 'a job' waits for the end"),
        (JOB, Counts(pending=1, ok=1, held=6), None, "7 of 8 rows have not ended: kubeque watch 'a job' waits for"),
    ],
)
def test_one_line_says_how_many_rows_have_not_ended(
    job: Job, counts: Counts, selected: int | None, text: str
) -> None:  # fmt: skip
    found = format_unfinished(Progress(job, counts), selected)
    assert found.startswith(f"a job: {text}") if text else not found


def test_the_command_of_a_held_and_of_a_paused_job_is_another_one() -> None:
    held = Progress(replace(JOB, canaries=2), Counts(ok=2, held=6))
    assert format_unfinished(held) == "a job: 6 of 8 rows have not ended: kubeque go 'a job' runs the held rows"
    paused = Progress(replace(JOB, pause=Pause(1.0)), Counts(pending=6, ok=2))
    assert format_unfinished(paused) == (
        "a job: 6 of 8 rows have not ended: the job is paused, and kubeque resume 'a job' continues it"
    )


def test_the_note_is_on_standard_error_and_the_output_stays_data(shell: Shell) -> None:
    # Given a job for which no consumer runs
    shell.run("sub", "-n", "w", "--no-wait", "--run-on", "work", "--repeat", "4", "true")
    note = "w: 4 of 4 rows have not ended: kubeque watch w waits for the end\n"

    # When its results are read, then the exit code is that of a success, and the last line of the output is the note
    for words in (
        ("fetch", "w", "out"), ("fetch", "w", "out", "--json"), ("collect", "w", "-o", "-"),
        ("collect", "w", "-o", "w.csv"), ("report", "w", "-o", "w.html"), ("timeline", "w", "-o", "w.html"),
    ):  # fmt: skip
        read = shell.run(*words)
        assert (read.returncode, read.stderr.splitlines(keepends=True)[-1:]) == (0, [note]), (words, read)
        assert "have not ended" not in read.stdout
        if "--json" in words:
            assert json.loads(read.stdout)["tasks"] == 0
    some = shell.run("fetch", "w", "out", "--index", "1-2")
    assert some.stderr == "w: 2 of the selected rows have not ended: kubeque watch w waits for the end\n"

    # And the commands print no note after the end
    shell.run("kill", "w")
    assert shell.run("watch", "w").returncode == 1
    assert shell.run("collect", "w", "-o", "-").stderr == ""
    assert "have not ended" not in shell.run("fetch", "w", "out").stderr
