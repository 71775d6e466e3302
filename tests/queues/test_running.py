"""The running task: each consumer names it in its block, and the other reserved tasks count as pending."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.task import TaskState
from kubeque.queues.backends.memory import MemoryBackend
from kubeque.queues.backends.records import block_record, decode, encode, read_block
from kubeque.queues.block import CommandNote
from kubeque.queues.integrity import Audit
from kubeque.queues.queue import Queue
from kubeque.queues.running_command import RunningCommand
from kubeque.queues.state_letters import read_letters
from tests.queues.clocks import Clock
from tests.queues.makers import claim, make_job, outcome, submit


class Consumer:
    """A consumer with a lease of one job, and a clock that the test advances."""

    def __init__(self, queue: Queue, job: Job, name: str = "anna", *, reserve: int = 3) -> None:
        self.clock = Clock()
        self.command = RunningCommand(self.clock)
        self.lease = claim(queue, job, name, reserve=reserve, command=self.command)

    def begin(self) -> int:
        taken = self.lease.take()
        assert taken is not None
        self.lease.begin_command(taken[0])
        return taken[0]

    def end(self, index: int, **fields: Any) -> None:
        self.lease.end_command(index)
        self.lease.add_outcome(outcome(index, self.lease.block.record(index).attempts, **fields))


def running(queue: Queue, job: Job) -> list[int]:
    """Return the running tasks. Fail unless counts, letters and task views agree."""
    found = [view.index for view in queue.tasks(job) if view.state is TaskState.RUNNING]
    letters = "".join(map(read_letters, queue.scan_records(job)))
    assert queue.counts(job).running == letters.count("r") == len(found)
    audit = Audit(job, queue.now()).look(queue.scan_records(job)).compare(queue.tallies(job))
    assert not audit.findings
    return found


def test_a_reserved_task_is_pending_until_its_command_runs(queue: Queue) -> None:
    job = submit(queue, make_job(8), size=8)
    anna = Consumer(queue, job)
    assert running(queue, job) == [0], "the first task starts at once"
    assert queue.counts(job) == Counts(pending=7, running=1)

    first = anna.begin()
    anna.end(first)
    second = anna.begin()
    anna.lease.commit(reserve=2)
    assert running(queue, job) == [second] == [1]
    assert queue.counts(job) == Counts(pending=6, running=1, ok=1)
    assert [view.owner for view in queue.tasks(job)] == ["", "anna", "anna", "anna", "anna", "", "", ""]

    anna.lease.commit(release=True)
    assert running(queue, job) == []
    assert queue.counts(job).pending == 7


@pytest.fixture
def memory() -> Queue:
    return Queue(MemoryBackend(lambda: 5000.0), sleep=lambda seconds: None)


def test_a_running_task_has_a_start_an_attempt_and_a_consumer(memory: Queue) -> None:
    job = submit(memory, make_job(8), size=4)
    anna, bert = Consumer(memory, job), Consumer(memory, job, "bert")
    for consumer, seconds in ((anna, 30.0), (bert, 90.0)):
        consumer.begin()
        consumer.clock.tick(seconds)
        consumer.lease.commit()

    seen = {view.owner: view for view in memory.running(job)}
    assert {name: 5000 - view.running.since for name, view in seen.items() if view.running} == {"anna": 30, "bert": 90}
    assert all(view.running and view.running.noted == 5000.0 for view in seen.values())
    assert [view.record.attempts for view in seen.values()] == [1, 1]


def test_between_two_commands_the_next_task_counts_as_running_for_a_short_time(memory: Queue) -> None:
    job = submit(memory, make_job(8), size=8)
    anna = Consumer(memory, job)
    anna.end(anna.begin())
    anna.clock.tick(1.0)
    anna.lease.commit()
    assert running(memory, job) == [1]

    anna.clock.tick(60.0)  # inputs are downloaded, or the cores are taken
    anna.lease.commit()
    assert running(memory, job) == []
    assert memory.is_leased(job)


def test_a_block_claimed_behind_a_running_command_names_none(memory: Queue) -> None:
    job = submit(memory, make_job(8), size=4)
    anna = Consumer(memory, job, reserve=1)
    anna.begin()
    other = claim(memory, job, "anna", reserve=2, command=anna.command)
    assert len(running(memory, job)) == 1

    anna.end(0 if anna.lease.block.lo == 0 else 4)
    index = other.take()
    assert index is not None
    other.begin_command(index[0])
    assert not other.misnames_command(5.0)
    anna.clock.tick(6.0)
    assert other.misnames_command(5.0), "the heartbeat corrects what no other commit has corrected"
    other.commit()
    assert not other.misnames_command(5.0)
    assert index[0] in running(memory, job)


def test_a_task_whose_results_are_stored_is_not_wrong(memory: Queue) -> None:
    job = submit(memory, make_job(4))
    anna = Consumer(memory, job, reserve=1)
    anna.lease.end_command(anna.begin())
    anna.clock.tick(60.0)
    assert not anna.lease.misnames_command(5.0)


def test_a_consumer_without_notes_counts_as_before(memory: Queue) -> None:
    job = submit(memory, make_job(8), size=8)
    lease = claim(memory, job, reserve=3)
    assert running(memory, job) == [0, 1, 2]
    assert memory.running(job) == []
    assert "command" not in decode(block_record(lease.block, 0).body)


def test_the_note_of_another_lease_does_not_count(memory: Queue) -> None:
    """An older consumer keeps the note that it found in the block."""
    job = submit(memory, make_job(8), size=8)
    lease = claim(memory, job, reserve=3)
    stale = replace(lease.block, note=CommandNote("another", 1, 1.0, 2.0))
    memory.swap(stale)
    assert running(memory, job) == [0, 1, 2]


def test_an_older_program_that_counts_a_block_with_a_note_makes_no_fault(memory: Queue) -> None:
    job = submit(memory, make_job(8), size=8)
    anna = Consumer(memory, job)
    plain = block_record(replace(anna.lease.block, note=None), 0)
    noted = block_record(anna.lease.block, 0)
    assert (plain.tally, plain.pending) != (noted.tally, noted.pending)
    memory._backend.swap_block(replace(noted, tally=plain.tally, pending=plain.pending))
    audit = Audit(job, memory.now()).look(memory.scan_records(job)).compare(memory.tallies(job))
    assert not audit.findings


def test_items_of_a_newer_note_are_kept(memory: Queue) -> None:
    job = submit(memory, make_job(4))
    record = block_record(Consumer(memory, job).lease.block, 0)
    wire = decode(record.body)
    wire["command"].append({"later": 1})
    block = read_block(replace(record, body=encode(wire)))
    assert block.command_note is not None
    assert decode(block_record(block, 0).body)["command"] == wire["command"]


def test_a_killed_job_is_not_closed_while_a_command_may_run(memory: Queue) -> None:
    job = submit(memory, make_job(8), size=8)
    anna = Consumer(memory, job)
    anna.clock.tick(60.0)
    anna.lease.commit()
    job = memory.stop(job, "enough")
    assert memory.counts(job) == Counts(running=1, killed=7), "its block names no task"
    anna.lease.commit(release=True)
    assert memory.counts(job) == Counts(killed=8)
