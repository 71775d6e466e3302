"""Typical bugs of queues. Each is inserted into this queue, and the checks must detect it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from kubeque.consumer import instructions as do
from kubeque.consumer.decisions import Decisions
from kubeque.consumer.rules.leaving import Departure
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import JobState
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.task import State, TaskRecord
from kubeque.queues import job_records, queue, reaper, task_views, transitions
from kubeque.queues.backends import records
from kubeque.queues.backends.backend import BlockRecord, Conflict
from kubeque.queues.backends.memory import MemoryBackend
from kubeque.queues.block import Block
from kubeque.queues.lease import Lease
from kubeque.queues.queue import Queue
from kubeque.queues.running_command import RunningCommand
from kubeque.queues.transitions import Settled, deaths, outcomes
from kubeque.queues.transitions.block_draft import BlockDraft

Bug = Callable[[pytest.MonkeyPatch], None]
BUGS: dict[str, Bug] = {}


def bug(put_in: Bug) -> Bug:
    BUGS[put_in.__name__] = put_in
    return put_in


@bug
def the_fence_is_ignored(patch: pytest.MonkeyPatch) -> None:
    swap = MemoryBackend.swap_block

    def swap_anything(self: MemoryBackend, record: BlockRecord, inserts: Any = ()) -> int:
        now = self.get_block(record.uid, record.id)
        return swap(self, replace(record, version=now.version if now else 0), inserts)

    patch.setattr(MemoryBackend, "swap_block", swap_anything)


@bug
def the_lease_is_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    """Retry a refused write with the current record, without a check of the lease."""
    patch.setattr(transitions, "settle", lambda before, fresh: Settled.AGAIN if fresh else Settled.LOST)


@bug
def a_reap_touches_an_outcome(patch: pytest.MonkeyPatch) -> None:
    reap = transitions.reap

    def reap_all(block: Block, *args: Any, **kwargs: Any) -> tuple[Block, list[Block]]:
        after, moved = reap(block, *args, **kwargs)
        undone = bytes(State.PENDING if state == State.OK else state for state in after.states)
        return replace(after, states=undone), moved

    patch.setattr(transitions, "reap", reap_all)


@bug
def a_reap_forgets_the_lease(patch: pytest.MonkeyPatch) -> None:
    """Give the tasks to other consumers although the lease of the dead consumer stays valid."""
    reap = transitions.reap

    def reap_softly(block: Block, *args: Any, **kwargs: Any) -> tuple[Block, list[Block]]:
        after, moved = reap(block, *args, **kwargs)
        return replace(after, epoch=block.epoch), moved

    patch.setattr(transitions, "reap", reap_softly)
    patch.setattr(
        transitions,
        "settle",
        lambda before, fresh: Settled.AGAIN if fresh and fresh.epoch == before.epoch else Settled.LOST,
    )


@bug
def a_theft_overlaps(patch: pytest.MonkeyPatch) -> None:
    steal = transitions.steal

    def take_without_asking(block: Block, *args: Any, **kwargs: Any) -> Any:
        halves = steal(block, *args, **kwargs)
        return halves and (block, halves[1])

    patch.setattr(transitions, "steal", take_without_asking)


@bug
def a_theft_takes_what_is_reserved(patch: pytest.MonkeyPatch) -> None:
    def all_but_the_first(self: Block) -> list[int]:
        return self.indexes(State.PENDING, State.RESERVED)[1:] if self.owner else []

    patch.setattr(Block, "spare", all_but_the_first)


@bug
def a_change_without_an_answer_is_sent_again(patch: pytest.MonkeyPatch) -> None:
    read = records.read_job
    patch.setattr(job_records, "read_job", lambda record: (read(record)[0], []))


@bug
def a_commit_without_an_answer_is_taken_for_the_next(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(transitions, "shows", lambda block, outcome: True)


@bug
def a_commit_without_an_answer_is_taken_for_refused(patch: pytest.MonkeyPatch) -> None:
    """Start a task that may have been given back."""
    begin = Lease.take

    def take(self: Lease) -> tuple[int, int] | None:
        self._doubtful.clear()
        return begin(self)

    patch.setattr(Lease, "take", take)


@bug
def an_attempt_number_is_used_twice(patch: pytest.MonkeyPatch) -> None:
    give_back = BlockDraft.put

    def put(self: BlockDraft, index: int, state: State, record: TaskRecord | None = None) -> None:
        if state is State.PENDING and record is None and index in self.records:
            record = replace(self.records[index], attempts=self.records[index].attempts - 1)
        give_back(self, index, state, record)

    patch.setattr(BlockDraft, "put", put)


@bug
def a_moved_task_is_kept_as_well(patch: pytest.MonkeyPatch) -> None:
    put = BlockDraft.put

    def put_back(self: BlockDraft, index: int, state: State, record: TaskRecord | None = None) -> None:
        put(self, index, State.PENDING if state is State.MOVED else state, record)

    patch.setattr(BlockDraft, "put", put_back)


@bug
def the_id_of_a_moved_block_is_taken(patch: pytest.MonkeyPatch) -> None:
    alone = outcomes._alone

    def without_class(block: Block, index: int, size_class: int, record: TaskRecord) -> Block:
        return replace(alone(block, index, size_class, record), id=f"0-{index}")

    patch.setattr(outcomes, "_alone", without_class)


@bug
def a_reset_passes_once(patch: pytest.MonkeyPatch) -> None:
    whole = Queue._reset_pass

    def once(self: Queue, job: Job, rule: ResetRule) -> int:
        whole(self, job, rule)
        return 0

    patch.setattr(Queue, "_reset_pass", once)


@bug
def a_reset_puts_everything_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ResetRule, "selects", lambda rule, outcome, ok, named: True)


@bug
def a_reset_that_was_killed_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    finish = Queue.finish_reset
    patch.setattr(
        Queue, "finish_reset", lambda self, job: finish(self, job) if job.state is JobState.RESETTING else job
    )


@bug
def the_uid_is_not_checked(patch: pytest.MonkeyPatch) -> None:
    """Apply a change to any job that has the name by now."""
    update = Queue.update

    def of_any_job(self: Queue, name: str, change: Callable[[Job], Job | None]) -> Job:
        def blind(job: Job) -> Job | None:
            for cell in change.__closure__ or ():
                if isinstance(cell.cell_contents, Job):
                    wanted = change(replace(job, uid=cell.cell_contents.uid, run=cell.cell_contents.run))
                    return wanted and replace(wanted, uid=job.uid, run=job.run)
            return change(job)

        return update(self, name, blind)

    patch.setattr(Queue, "update", of_any_job)


@bug
def a_tally_is_off_by_one(patch: pytest.MonkeyPatch) -> None:
    pack = records.pack
    patch.setattr(records, "pack", lambda tally: pack(replace(tally, ok=max(0, tally.ok - 1))))


@bug
def a_released_lease_goes_on_reserving(patch: pytest.MonkeyPatch) -> None:
    commit = transitions.commit

    def keep_reserving(block: Block, *args: Any, release: bool = False, **kwargs: Any) -> Any:
        after, moved = commit(block, *args, release=release, **kwargs)
        if release and State.PENDING in after.states:
            draft = BlockDraft(after)
            draft.reserve(1)
            after = draft.done()
        return after, moved

    patch.setattr(transitions, "commit", keep_reserving)


@bug
def a_living_consumer_is_reaped_with_its_outcome(patch: pytest.MonkeyPatch) -> None:
    """Write the block that the reaper has read, even if the stored block has changed."""

    def take(queue: Queue, job: Job, seen: Block, death: Any) -> int:
        record = queue.get_block(seen)
        if record is None:
            return 0
        after, moved = transitions.reap(seen, job, death, now=queue.now())
        try:
            queue.swap(replace(after, version=record.version), moved)
        except Conflict:
            return 0
        return 1

    patch.setattr(reaper, "_take", take)


@bug
def tasks_that_wait_count_as_running(patch: pytest.MonkeyPatch) -> None:
    tally = Block.tally
    patch.setattr(Block, "tally", lambda self: tally(replace(self, note=None)))


@bug
def a_commit_names_the_next_task(patch: pytest.MonkeyPatch) -> None:
    """Name the first reserved task whose command does not run."""

    def describe(self: RunningCommand, lease: Any, waiting: Sequence[int], now: float, *, reserves: bool) -> Any:
        others = [index for index in waiting if index != self.task_of(lease)]
        return (others[0], now) if others else None

    patch.setattr(RunningCommand, "describe", describe)


@bug
def tasks_are_listed_as_they_come(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(queue, "in_order", task_views._merge)


@bug
def what_is_held_is_offered(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Block, "ready", property(lambda self: not self.owner and State.PENDING in self.states))


@bug
def any_reset_lets_go_of_what_is_held(patch: pytest.MonkeyPatch) -> None:
    reset = transitions.reset
    patch.setattr(transitions, "reset", lambda block, rule, run: replace(reset(block, rule, run), held=False))


@bug
def a_killed_row_is_reserved_again(patch: pytest.MonkeyPatch) -> None:
    """Make a killed row pending when its consumer gives it back or dies."""

    def forget(self: BlockDraft, index: int, record: TaskRecord | None = None) -> None:
        self.put(index, State.PENDING, replace(record or self.records.get(index, TaskRecord()), kill=""))

    patch.setattr(BlockDraft, "put_back", forget)


@bug
def a_killed_row_is_tried_again(patch: pytest.MonkeyPatch) -> None:
    """Run a killed row again if its attempt ends by a cause that has a budget."""
    follow = outcomes.follow_verdict

    def forget(draft: BlockDraft, job: Job, index: int, *args: Any) -> None:
        draft.records[index] = replace(draft.records[index], kill="")
        follow(draft, job, index, *args)

    patch.setattr(outcomes, "follow_verdict", forget)
    patch.setattr(deaths, "follow_verdict", forget)


@bug
def a_reset_leaves_a_kill_that_is_under_way(patch: pytest.MonkeyPatch) -> None:
    reset = transitions.reset

    def keep_marks(block: Block, rule: ResetRule, run: int) -> Block:
        after = reset(block, rule, run)
        marks = {index: record.kill for index, record in block.records.items() if record.kill}
        kept = {index: replace(after.record(index), kill=reason) for index, reason in marks.items()}
        return replace(after, records={**after.records, **kept})

    patch.setattr(transitions, "reset", keep_marks)


@bug
def a_kill_of_rows_ends_what_has_ended(patch: pytest.MonkeyPatch) -> None:
    kill = transitions.kill

    def kill_all(block: Block, chosen: Any, reason: str, *, at: float, revision: int) -> Block | None:
        after = kill(block, chosen, reason, at=at, revision=revision)
        draft = BlockDraft(after or block)
        for index in block.indexes(State.OK):
            if chosen[index]:
                draft.kill(index, block.record(index), reason)
        return draft.done() if draft.records != block.records else after

    patch.setattr(transitions, "kill", kill_all)


# ---------------------------------------------------------------------- in the decisions of a consumer
@bug
def a_task_begins_without_a_lease(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Decisions, "_lease_checked", lambda self, event, now: [do.RunTask()])


@bug
def a_consumer_leaves_with_its_leases(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Departure, "let_all_go", lambda self, event, now: [do.Leave()])
