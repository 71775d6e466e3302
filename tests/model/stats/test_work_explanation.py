"""Why no consumer of `kubeque work` takes the tasks of a job."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.stats.explanation import explain
from kubeque.model.stats.explanation_facts import Facts, WorkFacts
from kubeque.model.stats.places import Kind, PlaceCount

JOB = Job("fit", "uid-1", 4, "file:///r", run_on="work")
LAB = (PlaceCount(Kind.WORK, 3, "lab7"),)
WAITS = Facts(JOB, Counts(pending=4), 0.0, unserved=True)


def test_the_needs_of_a_task_are_named() -> None:
    work = WorkFacts(cpu=4.0, memory=8 << 30, image="python:3.12", task_timeout=7200.0)
    found = explain(replace(WAITS, work=work))
    assert found.text == (
        "fit waits: no consumer of kubeque work has its 4 pending tasks. Start one on any machine that reaches the"
        " queue and the store. It must offer 4 cores (--cpu), 8Gi of memory (--memory), the programs of the image"
        " python:3.12 (--tags python:3.12), more than 2h00m until its end (--for)."
    )
    assert (found.cause, found.command) == ("no_consumer", "kubeque work --tags python:3.12")


@pytest.mark.parametrize("work", [None, WorkFacts()])
def test_without_needs_nothing_is_added(work: WorkFacts | None) -> None:
    found = explain(replace(WAITS, work=work))
    assert found.text.endswith("Start one on any machine that reaches the queue and the store.")
    assert found.command == "kubeque work"


def test_consumers_that_work_for_other_jobs_are_named() -> None:
    found = explain(replace(WAITS, work=WorkFacts(elsewhere=LAB)))
    assert found.text.endswith(
        "Such consumers have tasks of other jobs (3 work on lab7). If they leave this job alone, they have printed why."
    )


@pytest.mark.parametrize(("work", "part"), [
    (WorkFacts(elsewhere=LAB), "(3 work on lab7) do not take its tasks, because it was submitted without --run-on"
                               " work."),
    (WorkFacts(cpu=2.0), "Watching the job starts consumers."),
])  # fmt: skip
def test_a_job_that_does_not_allow_them_says_so_only_if_there_are_some(work: WorkFacts, part: str) -> None:
    found = explain(replace(WAITS, job=replace(JOB, run_on=""), work=work))
    assert found.text.endswith(part)
    assert found.command == "kubeque watch fit"


@pytest.mark.parametrize(("run_on", "serves", "told"), [
    ("local,work", False, True), ("local,work", True, False), ("", False, False),
])  # fmt: skip
def test_a_job_that_its_own_consumers_run_says_that_no_other_helps(run_on: str, serves: bool, told: bool) -> None:
    job, counts = replace(JOB, run_on=run_on), Counts(pending=2, running=2)
    found = explain(Facts(job, counts, 0.0, consumers=2, work=WorkFacts(serves, cpu=1.0)))
    assert found.cause == "runs" or found.text.startswith("fit runs")
    told_text = "No consumer of kubeque work has tasks of it. It must offer 1 core (--cpu)."
    assert (told_text in found.text) is told
