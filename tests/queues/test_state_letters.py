"""State letters: one letter for each task of a block."""

from __future__ import annotations

from dataclasses import replace

from kubeque.model.job.causes import Cause
from kubeque.model.job.task import State
from kubeque.queues.backends.memory import MemoryBackend
from kubeque.queues.backends.records import block_record
from kubeque.queues.block import Block
from kubeque.queues.queue import Queue
from kubeque.queues.state_letters import MEANING, read_failed, read_letters, squeeze
from tests.queues.makers import claim, make_job, outcome, submit


def test_each_state_and_each_cause_has_a_letter() -> None:
    # Given a job of which a task is ok, one failed, one runs and one waits
    queue = Queue(MemoryBackend())
    job = submit(queue, make_job(4))
    lease = claim(queue, job, reserve=3)
    for cause in (Cause.OK, Cause.EXIT):
        index, attempt = lease.take()  # type: ignore[misc]
        lease.add_outcome(outcome(index, attempt, cause))
    lease.commit()

    # Then the record of its block says so
    (record,) = queue.scan_records(job)
    assert read_letters(record) == "oxr-"
    assert [failed.index for failed in read_failed(record)] == [1]
    assert {*MEANING.values()} >= {cause.value for cause in Cause}


def test_what_is_held_and_what_is_elsewhere_is_told() -> None:
    states = bytes([State.PENDING, State.MOVED])
    block = Block("uid", "0-0", 0, 2, 0, states)
    assert read_letters(block_record(block, 0)) == "-."
    assert read_letters(block_record(replace(block, held=True), 0)) == "h."


def test_runs_of_a_letter_are_counted() -> None:
    assert squeeze("") == ""
    assert squeeze("ooorx--") == "o3rx-2"
