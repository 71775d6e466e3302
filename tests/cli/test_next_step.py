"""The command to type next, which `sub`, `watch` and `status` print."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeque.cli.commands.run.go import go_hint
from kubeque.cli.output.job_text import next_step
from kubeque.client import Progress
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import JobState

JOB = Job("j", "uid", 4, "/results/j/uid")
STOPPED = replace(JOB, state=JobState.STOPPED, reason="its deadline has passed", deadline_seconds=60.0)


@pytest.mark.parametrize(
    ("job", "mapped", "text"),
    [
        (JOB, False, "next: kubeque fetch j FOLDER, or kubeque collect j -o FILE.csv"),
        (JOB, True, "next: kubeque.map(..., name='j') returns the table in Python, or kubeque collect j -o FILE.csv"),
        (
            STOPPED, False,
            "to continue: kubeque reset j (its deadline starts again), or kubeque sub --like j -n j --repair with other"
            " limits or another command",
        ),
        (
            STOPPED, True,
            "to continue: kubeque reset j (its deadline starts again), or kubeque.map(..., name='j', "
            "existing=\"repair\") with other limits or another function",
        ),
    ],
)  # fmt: skip
def test_a_job_of_map_is_continued_in_python(job: Job, mapped: bool, text: str) -> None:
    assert next_step(Progress(job, Counts(ok=4)), (), mapped=mapped) == text


def test_a_held_job_is_continued_with_go_only_after_a_good_trial() -> None:
    job = replace(JOB, name="a job", canaries=2)
    good = go_hint(Progress(job, Counts(ok=2, held=2)))
    assert good == "'a job' is held: kubeque go 'a job' runs the held tasks, kubeque kill 'a job' stops the job"
    bad = go_hint(Progress(job, Counts(ok=1, failed=1, held=2)))
    assert "rows of its trial failed: kubeque explain 'a job'" in bad
    assert "kubeque reset 'a job' --update and kubeque watch 'a job' repeat the failed rows" in bad
    assert "canar" not in bad
