"""The record of an attempt: texts of any kind and size, budgets by cause, the last eight attempts."""

from __future__ import annotations

import random
from typing import Any

import pytest

from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.retries import DEFAULT_BUDGETS, Budgets
from kubeque.model.job.task import KEPT_ATTEMPTS, State, TaskRecord, TaskView
from kubeque.model.text import CUT_MARK, MESSAGE_CHARACTERS
from kubeque.queues.backends.backend import Backend
from kubeque.queues.backends.records import block_record, read_block
from kubeque.queues.block import MAX_BLOCK, Block
from kubeque.queues.queue import Queue
from tests.queues.makers import NASTY, SHAPES, claim, make_job, outcome, run_next, states, submit

#: Possible texts: everything that fits a string.
TEXTS = {
    "nasty": NASTY,
    "lone surrogate": "a file named \udcff",
    "a megabyte": "x" * 1_000_000,
    "a megabyte of emoji": "\N{PILE OF POO}" * 250_000,
    "null": "\x00",
    "empty": "",
}


def run_once(queue: Queue, job: Job, cause: Cause = Cause.OK, **fields: Any) -> TaskView:
    """Run the first waiting task with one consumer, and release the lease. Return the view of the task."""
    lease = claim(queue, job)
    index = run_next(lease, cause, **fields)
    lease.commit(release=True)
    view = queue.task(job, index)
    assert view is not None
    return view


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_message_of_any_kind_and_size_is_kept_or_cut_with_a_mark(queue: Queue, text: str) -> None:
    job = submit(queue, make_job(1))
    kept = run_once(queue, job, Cause.EXIT, message=text).record.outcome
    assert kept is not None
    if len(text) <= MESSAGE_CHARACTERS:
        assert kept.message == text
    else:
        assert kept.message == text[: MESSAGE_CHARACTERS - len(CUT_MARK)] + CUT_MARK
    assert states(queue, job) == {0: State.FAILED}


@pytest.mark.parametrize(
    "out",
    [
        {"score": 0.1, "count": 3, "none": None, "yes": True, "list": [1, [2, {"deep": NASTY}]], NASTY: "\udcff"},
        {"text": "y" * 1000},
        {},
        None,
    ],
    ids=["mixed", "1 KiB", "empty", "none"],
)
def test_what_a_task_wrote_out_is_given_back(queue: Queue, out: dict[str, Any] | None) -> None:
    job = submit(queue, make_job(1))
    kept = run_once(queue, job, out=out).record.outcome
    assert kept is not None
    assert kept.out == out


@pytest.mark.parametrize(
    "text", [NASTY, "\udcff", "anna@node-1/'; DROP TABLE kubeque_block"], ids=["nasty", "lone", "sql"]
)
def test_names_of_any_kind_are_data(queue: Queue, text: str) -> None:
    job = submit(queue, make_job(2, name="job " + NASTY.replace("\x00", "")), size=1)
    lease = claim(queue, job, text)
    index = run_next(lease, folder=text)
    assert lease.block.owner == text
    lease.commit()
    view = queue.task(job, index)
    assert view is not None
    assert view.record.history[0].owner == text
    assert view.record.outcome is not None
    assert view.record.outcome.folder == text


def test_the_fullest_block_is_kept(backend: Backend) -> None:
    """Store 256 tasks, each with every optional field, in texts that do not compress."""
    rng = random.Random(1)

    def record(index: int) -> TaskRecord:
        kept = TaskRecord(KEPT_ATTEMPTS, dict.fromkeys(DEFAULT_BUDGETS, 20))
        for number in range(KEPT_ATTEMPTS):
            message = "".join(chr(rng.randrange(0x1F300, 0x1F900)) for _ in range(MESSAGE_CHARACTERS))
            out = {"text": f"{rng.getrandbits(4 * 1000):x}"}
            ended = outcome(
                index, number, start=rng.random() * 1e9, folder=f"{number}-{rng.random()}", message=message, out=out
            )
            kept = kept.with_outcome(ended, f"consumer-{rng.random()}")
        return kept

    full = Block(
        "uid-1", "0-0", 0, MAX_BLOCK, 0, bytes(MAX_BLOCK), {index: record(index) for index in range(MAX_BLOCK)}
    )
    body = block_record(full, 0).body
    assert 200_000 < len(body) < 900_000, "an entity takes a million bytes"
    backend.insert_blocks([block_record(full, 0)])
    found = backend.get_block("uid-1", "0-0")
    assert found is not None
    assert read_block(found).records.keys() == full.records.keys()
    assert found.body == body


# ------------------------------------------------------------------ budgets
@pytest.mark.parametrize(("cause", "extra"), DEFAULT_BUDGETS.items())
def test_a_task_may_fail_of_a_cause_as_often_as_its_budget_says(queue: Queue, cause: Cause, extra: int) -> None:
    job = submit(queue, make_job(1, shapes=tuple(SHAPES[0] for _ in range(1))))
    for failures in range(1, extra + 2):
        view = run_once(queue, job, cause)
        assert view.record.charges == {cause: failures}
        if cause in (Cause.OOM, Cause.DISK):  # there is no larger class to move to
            break
        assert view.state == ("failed" if failures > extra else "pending")
    assert view.state == "failed"


def test_each_cause_has_its_own_budget(queue: Queue) -> None:
    job = submit(queue, make_job(1, budgets=Budgets().with_extra({"lost": 2, "stage": 1, "exit": 1})))
    for cause in (Cause.LOST, Cause.STAGE, Cause.EXIT, Cause.LOST):
        assert run_once(queue, job, cause).state == "pending"
    view = run_once(queue, job, Cause.STAGE)
    assert view.state == "failed"
    assert view.record.charges == {Cause.LOST: 2, Cause.STAGE: 2, Cause.EXIT: 1}


def test_the_last_eight_attempts_are_kept_and_all_are_counted(queue: Queue) -> None:
    job = submit(queue, make_job(1, budgets=Budgets({Cause.PREEMPTED: 20})))
    for number in range(1, 13):
        view = run_once(queue, job, Cause.PREEMPTED, start=float(number), seconds=0.5, code=None)
    assert [attempt.number for attempt in view.record.history] == list(range(5, 13))
    assert view.record.attempts == 12
    assert view.record.history[0].start == 5.0
    assert run_once(queue, job).state == "ok"


def test_tasks_move_up_through_all_classes_and_keep_their_history(queue: Queue) -> None:
    job = submit(queue, make_job(3, shapes=SHAPES), size=3)
    first = claim(queue, job, reserve=3)
    for cause in (Cause.OK, Cause.OOM, Cause.OK):
        run_next(first, cause)
    first.commit()
    assert [(block.id, block.size_class) for block in queue.scan(job)] == [("0-0", 0), ("1-1", 1)]
    view = run_once(queue, job, Cause.OOM)
    assert (view.state, view.size_class) == ("pending", 2)
    view = run_once(queue, job, Cause.OOM)
    assert (view.state, view.size_class) == ("failed", 2), "there is no larger class"
    assert [attempt.number for attempt in view.record.history] == [1, 2, 3]
    assert states(queue, job) == {0: State.OK, 1: State.FAILED, 2: State.OK}


def test_below_the_floor_class_nothing_is_tried_again(queue: Queue) -> None:
    job = submit(queue, make_job(1, shapes=SHAPES, floor=1))
    view = run_once(queue, job, Cause.OOM)
    assert (view.state, view.size_class) == ("pending", 2), "it ran in the floor class, which was too small"


@pytest.mark.parametrize("cause", [Cause.STAGE, Cause.OOM])
def test_what_would_fail_again_in_the_same_way_fails_at_once(queue: Queue, cause: Cause) -> None:
    job = submit(queue, make_job(1, shapes=SHAPES, budgets=Budgets({cause: 3})))
    record = run_once(queue, job, cause, final=True).record
    assert states(queue, job) == {0: State.FAILED}
    assert (record.attempts, record.outcome is not None and record.outcome.final) == (1, True)
