"""Every reader of the queue accepts records of a newer kubeque. It keeps unknown entries, and shows them as unknown."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeque import __version__
from kubeque.model.errors import JobUnreadable
from kubeque.model.job.causes import Cause, Death
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import JobState
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.task import State, TaskState
from kubeque.queues import early_stop, reaper
from kubeque.queues.backends.backend import Backend
from kubeque.queues.backends.memory import MemoryBackend
from kubeque.queues.backends.records import encode
from kubeque.queues.claim import claim as try_claim
from kubeque.queues.integrity import Audit
from kubeque.queues.queue import Queue
from kubeque.queues.state_letters import read_failed, read_letters
from tests.queues.makers import SHAPES, claim, make_job, run_next, submit
from tests.queues.newer import (
    BLOCK_CHANGES,
    JOB_CHANGES,
    LATER,
    Change,
    cause_of_failures,
    key_of_the_block,
    rewrite_blocks,
    rewrite_job,
    state_of_failures,
    state_of_the_job,
    stored_blocks,
    stored_job,
)

#: Of 12 tasks in blocks of 6: two are ok, one failed, one moved to a larger class, one runs, the others wait.
OK, FAILED, RUNNING = (0, 1), (2,), (4,)
jsons = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def lived_in(backend: Backend) -> tuple[Queue, Job]:
    """A queue with one job. Some of its tasks have ended, and one runs."""
    queue = Queue(backend, sleep=lambda seconds: None)
    job = submit(queue, make_job(12, shapes=SHAPES), size=6)
    lease = claim(queue, job, "anna", number=0, reserve=4)
    assert lease.block.lo == 0
    for cause in (Cause.OK, Cause.OK, Cause.EXIT, Cause.OOM):
        run_next(lease, cause)
    lease.commit(reserve=1)
    assert lease.take() == (RUNNING[0], 1)
    return queue, job


@settings(max_examples=40, deadline=None)
@given(
    st.sets(st.sampled_from([c for c in JOB_CHANGES if c is not state_of_the_job])),
    st.sets(st.sampled_from(BLOCK_CHANGES)),
    jsons,
)
def test_every_reader_takes_what_it_does_not_know(ours: set[Change], theirs: set[Change], value: Any) -> None:
    # Given a queue whose records a newer kubeque has written again
    backend = MemoryBackend()
    queue, job = lived_in(backend)
    for change in ours:
        rewrite_job(backend, job.name, lambda wire, c=change: c(wire, value))  # type: ignore[misc]
    for change in theirs:
        rewrite_blocks(backend, job.uid, lambda wire, c=change: c(wire, value))  # type: ignore[misc]
    before = stored_blocks(backend, job.uid)
    # When everything of it is read, then nothing is an error, and people see `unknown`
    (job,) = queue.jobs()
    shown = {view.index: view for view in queue.tasks(job)}
    failed = TaskState.UNKNOWN if state_of_failures in theirs else TaskState.FAILED
    assert sorted(shown) == list(range(12))
    assert {shown[index].state for index in FAILED} == {failed}
    outcome = shown[FAILED[0]].record.outcome
    assert outcome is not None
    assert str(outcome.cause) == ("unknown" if cause_of_failures in theirs else "exit")
    letters = {record.id: read_letters(record) for record in queue.scan_records(job)}
    unknown = state_of_failures in theirs or cause_of_failures in theirs
    assert letters["0-0"] == ("oou.r-" if unknown else "oox.r-")
    assert [o.index for r in queue.scan_records(job) for o in read_failed(r)] == (
        [] if state_of_failures in theirs else list(FAILED)
    )
    audit = Audit(job, queue.now()).look(queue.scan_records(job)).close()
    assert [finding.where for finding in audit.findings] == [f"task {index}" for index in FAILED if failed == "unknown"]
    assert early_stop.judge(job, queue.scan(job), queue.now()) == early_stop.Early()
    # When the consumer of before goes on, others claim and steal, and the dead are reaped
    other = try_claim(queue, job, "bert", reserve=2)
    assert other is not None
    run_next(other)
    other.commit()
    assert reaper.reap(queue, job, find_death=lambda owner: Death() if owner == "anna" else None) == 1
    # Then the unknown task was never handed out, and the unknown fields are still there
    after = stored_blocks(backend, job.uid)
    for name, block in before.items():
        assert after[name].get(LATER) == block.get(LATER)
        for index in map(str, (*OK, *FAILED)):
            assert after[name]["records"].get(index) == block["records"].get(index)
    if state_of_failures in theirs:
        assert after["0-0"]["states"][FAILED[0]] == "7"
    # And a reset, which writes every block and the job, keeps it as well
    queue.reset(job.name, ResetRule(causes=("lost",)))
    assert all(block.get(LATER) == before["0-0"].get(LATER) for name, block in stored_blocks(backend, job.uid).items())
    kept = stored_job(backend, job.name)
    assert (LATER in kept, LATER in kept["job"]) == (
        any(c.__name__ == "key_of_the_record" for c in ours), any(c.__name__ == "key_of_the_job" for c in ours)
    )  # fmt: skip


def test_tasks_in_an_unknown_state_are_neither_pending_nor_running(queue: Queue, backend: Backend) -> None:
    job = submit(queue, make_job(4))
    rewrite_blocks(backend, job.uid, lambda wire: wire.update(states="0707"))

    lease = claim(queue, job, reserve=4)

    assert lease.block.indexes(State.RESERVED) == [0, 2]
    run_next(lease)
    run_next(lease)
    lease.commit()
    counts = queue.counts(job)
    assert (counts.ok, counts.pending, counts.running, counts.total) == (2, 0, 0, 2)
    assert not lease.held
    assert [view.state for view in queue.tasks(job)] == ["ok", "unknown", "ok", "unknown"]
    assert not job.may_close(counts)


def test_a_job_in_an_unknown_state_is_left_alone(queue: Queue, backend: Backend) -> None:
    submit(queue, make_job(4))
    rewrite_job(backend, "sweep", lambda wire: state_of_the_job(wire, None))

    (job,) = queue.jobs()

    assert (job.state, job.open) == (JobState.UNKNOWN, False)

    assert queue.counts(job).pending == 4
    assert stored_job(backend, "sweep")["job"]["state"] == LATER


def test_what_a_split_block_has_goes_with_both_halves(queue: Queue, backend: Backend) -> None:
    job = submit(queue, make_job(8), size=8)
    rewrite_blocks(backend, job.uid, lambda wire: key_of_the_block(wire, 5))
    claim(queue, job, "anna", reserve=1)

    claim(queue, job, "bert", reserve=1)

    assert [wire[LATER] for wire in stored_blocks(backend, job.uid).values()] == [5, 5]


# ------------------------------------------------------------------ jobs of which this program can do nothing
def needs(version: str, **more: Any) -> dict[str, Any]:
    """The record of a job that only a newer kubeque can read."""
    return {"needs": version, "written_by": version, "job": {"later": True}, **more}


UNREADABLE: dict[str, tuple[Any, str]] = {
    "newer": (
        needs("9.1"),
        rf"needs kubeque 9\.1, but this program is kubeque {__version__}: pip install 'kubeque>=9\.1'",
    ),
    "of a version that has no number": (needs("next"), "needs kubeque next"),
    "without a job": ({"marks": []}, "cannot be read .*KeyError"),
    "of another type": ([1], "cannot be read"),
    "with a job of another type": ({"job": [], "marks": []}, "cannot be read"),
}


@pytest.mark.parametrize("how", UNREADABLE)
def test_a_job_that_cannot_be_read_stops_no_other(
    queue: Queue, backend: Backend, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    # Given two jobs, one of which cannot be read
    wire, reason = UNREADABLE[how]
    submit(queue, make_job(4, name="good", uid="uid-2"))
    submit(queue, make_job(4, name="bad"))
    record = backend.get_job("bad")
    assert record is not None
    backend.swap_job(replace(record, body=encode(wire)))
    # Then the other one is served, and the reason is logged once
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert [job.name for job in queue.jobs("local")] == ["good"]
    assert len(caplog.records) == 1
    (left,) = queue.list_jobs().unreadable
    assert left.name == "bad"
    assert left.needs == (wire["needs"] if isinstance(wire, dict) and "needs" in wire else "")
    # And nothing touches it
    for action in (
        lambda: queue.job("bad"), lambda: queue.kill("bad"), lambda: queue.remove("bad"),
        lambda: queue.reset("bad", ResetRule()), lambda: submit(queue, make_job(4, name="bad", uid="uid-3")),
    ):  # fmt: skip
        with pytest.raises(JobUnreadable, match=reason):
            action()
    assert queue.job("good").n == 4


def test_a_body_that_is_no_json_stops_no_other_job(queue: Queue, backend: Backend) -> None:
    submit(queue, make_job(4))
    for body in (b"", b"{", b"\x78\x9c\x00", b"\xff\xfe", b"{}"):
        record = backend.get_job("sweep")
        assert record is not None
        backend.swap_job(replace(record, body=body))
        assert [error.name for error in queue.list_jobs().unreadable] == ["sweep"]


def test_a_record_says_which_version_it_needs_and_which_wrote_it(queue: Queue, backend: Backend) -> None:
    submit(queue, make_job(4))
    rewrite_job(backend, "sweep", lambda wire: wire.update(written_by="0.1.7"))
    assert queue.job("sweep").written_by == "0.1.7"

    queue.update("sweep", lambda job: replace(job, priority=3))

    wire = stored_job(backend, "sweep")
    assert (wire["needs"], wire["written_by"]) == ("0.2", __version__)


def test_a_job_from_before_needs_were_stored_is_read(queue: Queue, backend: Backend) -> None:
    made = submit(queue, make_job(4))
    rewrite_job(backend, "sweep", lambda wire: [wire.pop(key) for key in ("needs", "written_by")] and None)

    assert queue.job("sweep") == made
    assert queue.job("sweep").written_by == ""
