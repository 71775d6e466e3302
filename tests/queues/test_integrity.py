"""The audit finds all faults of a job's blocks, and reports no fault if there is none."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from kubeque.model.job.causes import Cause, Death
from kubeque.model.job.changes import close_job
from kubeque.model.job.counts import Counts, Tally
from kubeque.model.job.job import Job
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.task import State, TaskRecord
from kubeque.queues import reaper, transitions
from kubeque.queues.backends.backend import BlockRecord
from kubeque.queues.backends.records import block_record
from kubeque.queues.block import Block, make_blocks
from kubeque.queues.claim import claim as try_claim
from kubeque.queues.integrity import Audit, Fault, standing
from kubeque.queues.queue import Queue
from tests.queues.makers import SHAPES, claim, make_job, outcome, run_next, submit

NOW = 1000.0


def audit(job: Job, records: Iterable[BlockRecord], now: float = NOW) -> list[tuple[str, str]]:
    return [(each.where, each.what) for each in Audit(job, now).look(records).close().findings]


def written(*blocks: Block) -> list[BlockRecord]:
    return [block_record(block, 7) for block in blocks]


def test_a_sound_job_has_no_findings_whatever_happened_to_it(queue: Queue) -> None:
    # Given a job whose tasks ended in all ways, moved, were stolen, lost and reset
    job = submit(queue, make_job(60, shapes=SHAPES, consumers=4), size=20)
    dice = random.Random(4)
    for turn in range(14):
        lease = try_claim(queue, job, f"consumer-{turn}", reserve=4)
        while lease is not None and dice.random() < 0.8 and lease.untouched:
            run_next(lease, dice.choice([Cause.OK, Cause.OOM, Cause.EXIT, Cause.PREEMPTED]))
        if lease is not None and turn % 4:
            lease.commit(reserve=turn % 3, release=turn % 5 == 0)
    reaper.reap(queue, job, find_death=lambda owner: Death() if owner == "consumer-4" else None)
    job = queue.reset("sweep", ResetRule(causes=("exit",)))
    # When it is looked at
    found = Audit(job, queue.now()).look(queue.scan_records(job)).compare(queue.tallies(job)).close()
    # Then there is nothing to say
    assert found.findings == []
    assert found.blocks > 3


def leased(**fields: object) -> Block:
    """Tasks 0 to 3, the first two reserved."""
    (block,) = make_blocks("uid-1", 4, 4)
    held = transitions.claim(block, make_job(4), owner="anna", nonce="n", now=NOW, reserve=2)
    return replace(held, **fields)  # type: ignore[arg-type]


def ended(state: State, record: TaskRecord) -> Block:
    (block,) = make_blocks("uid-1", 1, 1)
    return replace(block, states=bytes([state]), records={0: record})


OK = TaskRecord(attempts=1).with_outcome(outcome(0), "anna")
WRONG: dict[str, tuple[list[Block], str, str]] = {
    "a task in no block": ([Block("uid-1", "0-0", 0, 3, 0, bytes(3))], "task 3", "in no block"),
    "a task in two": (
        [leased(), Block("uid-1", "1-2", 2, 3, 1, bytes(1))], "task 2", "in two blocks"
    ),
    "nobody's reservation": ([leased(owner="")], "block 0-0", "but no owner"),
    "a lease never given": ([leased(epoch=0)], "block 0-0", "but the block was never leased"),
    "a lease on nothing": ([leased(states=bytes([2, 2, 2, 2]))], "block 0-0", "all tasks of the block have ended"),
    "a lease of tomorrow": ([leased(expires=NOW + 86400)], "block 0-0", "the clock of anna may be wrong"),
    "a lease of yesterday": ([leased(expires=NOW - 86400)], "block 0-0", "was not taken back"),
    "a newer run": ([leased(run=3)], "block 0-0", "the block is in run 3"),
    "an id of another": ([leased(id="1-0")], "block 1-0", "the id does not match"),
    "a range of another": ([leased(hi=5)], "block 0-0", "it holds 4 states"),
    "a state of another world": ([leased(states=bytes([0, 0, 9, 0]))], "task 2", "the state is unknown"),
    "a record of another": ([leased(records={9: OK})], "task 9", "does not hold the task"),
    "no attempt": ([leased(records={})], "task 1", "reserved, but has no attempt"),
    "no outcome": ([ended(State.OK, TaskRecord(attempts=1))], "task 0", "is ok, but has no outcome"),
    "another outcome": ([ended(State.FAILED, OK)], "task 0", "is failed, but ended by ok"),
    "an attempt never begun": ([ended(State.OK, replace(OK, attempts=0))], "task 0", "only 0 have begun"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found(name: str) -> None:
    blocks, where, words = WRONG[name]
    job = make_job(max(1, len(blocks[0].states) if "no block" not in name else 4), shapes=SHAPES)
    assert any(at == where and words in what for at, what in audit(job, written(*blocks)))


def test_a_block_left_behind_by_a_reset_is_found_unless_it_goes_on() -> None:
    job = make_job(4, run=1)
    assert [where for where, _ in audit(job, written(leased()))] == ["block 0-0"]
    going_on = audit(replace(job, reset=ResetRule(causes=("exit",))), written(leased()))
    assert going_on == [("job", "the reset to run 1 is not finished: `kubeque status sweep` finishes the reset")]


MARKS: dict[str, Callable[[BlockRecord], BlockRecord]] = {
    "the recorded counts of the block are wrong": lambda record: replace(record, pending=record.pending + 1),
    "the lease of the block is not in the index": lambda record: replace(record, expires=None),
    "the block is indexed as ready, but has no pending task": lambda record: replace(record, slot=3),
    "the recorded number of stealable tasks is wrong": lambda record: replace(record, spare=None),
    "the record cannot be read": lambda record: replace(record, body=b"{]"),
}


@pytest.mark.parametrize("words", MARKS)
def test_marks_that_do_not_fit_the_block_are_found(words: str) -> None:
    (record,) = written(leased())
    assert audit(make_job(4), [record]) == []
    found = audit(make_job(4), [MARKS[words](record)])
    assert any(words in what for _, what in found)


def test_a_store_that_counts_otherwise_is_found() -> None:
    seen = Audit(make_job(4), NOW).look(written(leased()))
    assert seen.compare({0: Tally(pending=2, running=2)}).findings == []
    assert [finding.where for finding in seen.compare({0: Tally(pending=4)}).findings] == ["class 0"]


def test_a_job_closed_with_other_counts_is_found() -> None:
    job = close_job(make_job(1), Counts(ok=1), at=NOW)
    assert audit(job, written(ended(State.OK, OK))) == []
    assert [where for where, _ in audit(job, written(*make_blocks("uid-1", 1, 1)))] == ["job"]


def test_many_homeless_tasks_are_counted() -> None:
    found = audit(make_job(100), [])
    assert found[-1] == ("tasks", "and 95 more: each is in no block and will never run")
    assert len(found) == 6


def test_what_only_some_looks_saw_was_not_there() -> None:
    steady, moving = Fault("block 0-0", "ended 90 s ago"), Fault("task 3", "is in two blocks")
    later = Fault("block 0-0", "ended 91 s ago")
    assert standing([[steady, moving], [later]]) == [later]


def test_a_task_seen_twice_while_it_was_stolen_is_no_finding(queue: Queue) -> None:
    # Given a look that saw a block before its tail was stolen, and the tail after
    job = submit(queue, make_job(8), size=8)
    claim(queue, job, "anna", reserve=1)
    before = list(queue.scan_records(job))
    claim(queue, job, "bert", reserve=1)
    after = list(queue.scan_records(job))
    first = Audit(job, queue.now()).look([*before, after[-1]])
    assert any("in two blocks" in finding.what for finding in first.findings)
    # When it is looked at again, then it was nothing
    second = Audit(job, queue.now()).look(queue.scan_records(job))
    assert standing([first.findings, second.findings]) == []
