"""A job as the queue keeps it: its wire, its end and its uid."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeque.model.job.causes import Cause
from kubeque.model.job.changes import close_job
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job, new_uid
from kubeque.model.job.job_state import Closing, JobState
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.retries import Budgets
from kubeque.model.job.shapes import Shape
from kubeque.model.rows.rows import MAX_TASKS

numbers = st.integers(0, 1 << 21)
times = st.floats(0, 1e11)
spans = st.floats(1e-3, 1e9)
counts = st.builds(Counts, numbers, numbers, numbers, numbers, numbers)
ranges = st.lists(st.tuples(numbers, numbers)).map(tuple)
resets = st.builds(ResetRule, causes=st.lists(st.text()).map(tuple), ranges=ranges)
jobs = st.builds(
    Job,
    n=st.integers(1, MAX_TASKS),
    floor=st.just(0),
    revision=st.integers(1),
    allow_failed=st.sampled_from(("0", "12", "1%", "0.5%")),
    priority=st.integers(),
    created=times,
    reason=st.text(),
    reset=st.none() | resets,
    shapes=st.lists(st.builds(Shape, st.none() | numbers, st.none() | numbers), min_size=1).map(tuple),
    budgets=st.dictionaries(st.sampled_from(Cause), st.integers(0)).map(Budgets.from_wire),
    max_failures=st.none() | numbers,
    deadline=st.none() | times,
    lease_seconds=spans,
    heartbeat_seconds=spans,
    state=st.sampled_from(sorted(set(JobState) - {JobState.UNKNOWN})),
    closing=st.none() | st.builds(Closing, st.booleans(), counts, times),
)


def job(**values: Any) -> Job:
    return Job(**{"name": "sweep", "uid": "abc", "n": 200, "url": "gs://b/sweep/abc", **values})


@given(jobs)
def test_a_job_survives_the_wire(value: Job) -> None:
    assert Job.from_wire(json.loads(json.dumps(value.to_wire()))) == value


def test_an_older_consumer_reads_a_newer_job_and_keeps_what_it_does_not_know() -> None:
    full = job(reset=ResetRule(causes=("exit",)), closing=Closing(True, Counts(ok=1), 5.0))
    wire = json.loads(json.dumps(full.to_wire()))
    wire["later"] = {"x": 1}
    wire["budgets"]["later"] = 7
    wire["closing"]["counts"]["later"] = 1
    for part in (wire["shapes"][0], wire["reset"], wire["closing"]):
        part["later"] = [1]

    read = Job.from_wire(wire)

    assert replace(read, budgets=full.budgets) == full
    assert json.loads(json.dumps(read.to_wire())) == wire


def test_an_unknown_state_is_kept_until_the_job_gets_another_one() -> None:
    wire = json.loads(json.dumps({**job().to_wire(), "state": "paused"}))

    read = Job.from_wire(wire)

    assert (read.state, read.standing(Counts(pending=200))) == (JobState.UNKNOWN, "unknown")
    assert not read.open
    assert not read.may_close(Counts(ok=200))
    assert json.loads(json.dumps(read.to_wire())) == wire
    assert replace(read, state=JobState.KILLED).to_wire()["state"] == "killed"


def test_a_run_is_the_same_until_the_job_is_reset_or_replaced() -> None:
    assert job().is_same_run(job(priority=5))
    assert not job().is_same_run(job(run=1))
    assert not job().is_same_run(job(uid="def"))


def test_a_newer_consumer_reads_an_older_job() -> None:
    wire = job().to_wire()
    del wire["series"], wire["delivered"], wire["closing"], wire["reset"]

    assert Job.from_wire(wire) == job()


@pytest.mark.parametrize("state", list(JobState))
def test_tasks_may_be_taken_until_the_job_ends(state: JobState) -> None:
    value = job(state=state)

    assert value.open == (state in (JobState.ACTIVE, JobState.RESETTING))
    assert not close_job(value, Counts(ok=200), 5.0).open


@pytest.mark.parametrize(
    ("allowed", "failed", "success"),
    [
        ("0", 0, True),
        ("0", 1, False),
        ("3", 3, True),
        ("3", 4, False),
        ("1%", 2, True),
        ("1%", 3, False),
        ("0.4%", 1, False),
    ],
)
def test_a_job_is_a_success_with_as_many_failures_as_are_allowed(allowed: str, failed: int, success: bool) -> None:
    ended = close_job(job(allow_failed=allowed), Counts(ok=200 - failed, failed=failed), 7.0)

    assert ended.closing == Closing(success, Counts(ok=200 - failed, failed=failed), 7.0)


def test_a_task_that_did_not_end_counts_as_failed() -> None:
    assert not job().succeeds(Counts(ok=199, killed=1))


@pytest.mark.parametrize("state", [JobState.KILLED, JobState.STOPPED, JobState.RESETTING])
def test_a_job_that_was_ended_is_no_success(state: JobState) -> None:
    assert not replace(job(), state=state).succeeds(Counts(ok=200))


@given(counts)
def test_counts_add_up(value: Counts) -> None:
    assert value.total == value.ended + value.pending + value.running
    assert Counts(**json.loads(json.dumps(value.to_wire()))) == value


def test_no_two_jobs_share_a_uid() -> None:
    uids = {new_uid() for _ in range(1000)}

    assert len(uids) == 1000
    assert all(len(uid) == 12 and uid.isalnum() and uid == uid.lower() for uid in uids)
