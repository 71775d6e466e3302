"""The queue: jobs and their tasks, on any backend.

Every write is a compare-and-set. If a write is refused, the queue reads the record again and repeats the change. If the
answer to a write is lost, a read shows whether the write was applied. No operation makes one call per task.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import takewhile

from kubeque.model.compatibility.versions import KILLED_ROWS_NEEDS, is_older
from kubeque.model.job.changes import raise_needs
from kubeque.model.job.counts import Counts, Tally
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import JobState
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.task import State, TaskState, TaskView
from kubeque.queues import transitions
from kubeque.queues.backends.backend import SLOTS, BlockRecord, Conflict, Find
from kubeque.queues.backends.identity import Identity, read_identity
from kubeque.queues.backends.records import block_record, read_block, read_blocks
from kubeque.queues.block import MAX_BLOCK, Block
from kubeque.queues.fencing import check_fencing
from kubeque.queues.job_records import JobRecords
from kubeque.queues.task_views import in_order

_SCAN_BATCH = 200
_UNENDED = (TaskState.PENDING, TaskState.RUNNING)
#: Maximum number of leased blocks that one call reads.
_LEASES = 1000


class Queue(JobRecords):
    """The jobs of one backend and the tasks of these jobs. The class is thread-safe."""

    @property
    def has_cheap_reads(self) -> bool:
        """True if a consumer may read a job every second; False if each read costs money."""
        return self._backend.cheap

    def close(self) -> None:
        self._backend.close()

    def now(self) -> float:
        """Return the time on the clock of the queue, Unix seconds."""
        return self._backend.now()

    @cached_property
    def identity(self) -> Identity:
        """The identity of this queue. If the queue has no identity, it gets one at the first access."""
        return read_identity(self._backend)

    # ------------------------------------------------------------------ tasks
    def tallies(self, job: Job) -> dict[int, Tally]:
        """Return the number of the job's tasks in each state, by size class. Takes O(blocks)."""
        return self._backend.tally(job.uid)

    def counts(self, job: Job) -> Counts:
        """Return the number of tasks of the whole job in each state. Takes O(blocks).

        In a killed or stopped job, the tasks that have not ended count as killed. Exception: at least one task of each
        lease with reserved tasks counts as running. So the job is not closed before its consumers release their leases.
        """
        total = sum(self.tallies(job).values(), Tally())
        some_held = job.canaries or (job.reset is not None and job.reset.go)
        ended = total.ok + total.failed + total.killed
        held = job.n - ended - total.running - total.pending if some_held else 0
        if job.was_ended:
            left = total.running + total.pending + held
            running = min(left, max(total.running, self._count_leases(job))) if left else 0
            return Counts(0, running, total.ok, total.failed, total.killed + left - running)
        return Counts(total.pending, total.running, total.ok, total.failed, total.killed, held)

    def killed_rows(self, job: Job) -> int:
        """Return the number of rows that a user killed as single rows, not with the whole job. Takes O(blocks)."""
        return sum(tally.killed for tally in self.tallies(job).values())

    def is_leased(self, job: Job) -> bool:
        """True if a consumer leases a block of the job. A command may then run even if no task counts as running."""
        return bool(self.find_records(job, Find.LEASED, limit=1))

    def may_claim(self, job: Job) -> bool:
        """True if the job has a ready block, or a leased block with tasks that may be stolen."""
        return any(self.find_records(job, which, limit=1) for which in (Find.READY, Find.STEALABLE))

    def _count_leases(self, job: Job) -> int:
        """Return the number of leases with reserved tasks, at most _LEASES. Each such lease may have a running command.

        Blocks that cannot be read are not counted.
        """
        records = self.find_records(job, Find.LEASED, limit=_LEASES)
        return sum(State.RESERVED in block.states for block in read_blocks(records)[0])

    def scan(self, job: Job, *, first: int = 0) -> Iterator[Block]:
        """Yield the blocks of the job in order of their first task. Skip the blocks that end before task `first`."""
        return (block for block in map(read_block, self.scan_records(job, first=first)) if block.hi > first)

    def scan_records(self, job: Job, *, first: int = 0) -> Iterator[BlockRecord]:
        """Yield the records of the job's blocks in order of their first task.

        Skip most of the blocks that end before task `first`.
        """
        after = (first - MAX_BLOCK, "") if first > 0 else None
        while batch := self._backend.scan_blocks(job.uid, after=after, limit=_SCAN_BATCH):
            yield from batch
            after = (batch[-1].lo, batch[-1].id)

    def tasks(self, job: Job, *, first: int = 0) -> Iterator[TaskView]:
        """Yield each task of the job from index `first` on, once and in order. Keeps only a few blocks in memory."""
        return (view for view in in_order(job, self.scan(job, first=first)) if view.index >= first)

    def task(self, job: Job, index: int) -> TaskView | None:
        """Return the task with this index; None if the job has no such task."""
        near = takewhile(lambda block: block.lo <= index, self.scan(job, first=index))
        return next((view for view in in_order(job, near) if view.index == index), None)

    def running(self, job: Job) -> list[TaskView]:
        """Return the running tasks that the notes in the leased blocks name. Reads at most _LEASES blocks."""
        blocks = read_blocks(self.find_records(job, Find.LEASED, limit=_LEASES))[0]
        views = (view for block in blocks if block.command_note for view in in_order(job, [block]))
        return [view for view in views if view.running is not None]

    def retried(self, job: Job) -> list[TaskView]:
        """Return the pending and running tasks that have had a failed attempt since the last reset.

        Reads at most _LEASES blocks. Only leased and ready blocks have such tasks.
        """
        records = self.find_records(job, Find.LEASED, limit=_LEASES // 2)
        records += self.find_records(job, Find.READY, limit=_LEASES // 2)
        blocks = sorted(read_blocks(records)[0], key=lambda block: block.lo)
        charged = (block for block in blocks if any(record.charges for record in block.records.values()))
        return [view for view in in_order(job, charged) if view.record.charges and view.state in _UNENDED]

    # ------------------------------------------------------------------ kill rows
    def kill_rows(self, job: Job, chosen: bytearray, reason: str) -> Job:
        """Kill rows of a job, and return the job. Rows that have ended do not change.

        `chosen`: for each task of the job, 1 if its row is chosen, else 0. `reason`: message of the outcomes. A running
        row ends after the next commit of its consumer. If the job was replaced or reset meanwhile, do nothing.

        While the blocks are read, a steal or a move can hide a row. So the blocks are read again until no block needs a
        change.
        """
        there = self.finish_reset(job)

        def begin(now: Job) -> Job | None:
            enough = not is_older(now.needs, KILLED_ROWS_NEEDS)
            return None if enough or not now.is_same_run(job) else raise_needs(now, KILLED_ROWS_NEEDS)

        if there.is_same_run(job):
            there = self.update(job.name, begin)
        if not there.is_same_run(job):
            return there
        found = False
        while self._kill_pass(there, chosen, reason):
            found = True

        def count(now: Job) -> Job | None:
            return replace(now, kills=now.kills + 1) if now.is_same_run(job) else None

        return self.update(job.name, count) if found else there

    def _kill_pass(self, job: Job, chosen: bytearray, reason: str) -> int:
        """Kill chosen tasks that have not ended, once in each block. Return the number of blocks with such tasks."""
        at = self.now()

        def change(block: Block) -> Block | None:
            return transitions.kill(block, chosen, reason, at=at, revision=job.revision)

        first, last = chosen.find(1), chosen.rfind(1)
        near = takewhile(lambda block: block.lo <= last, self.scan(job, first=max(0, first)))
        behind = [block for block in near if change(block) is not None]
        for block in behind:
            self.change_block(block, lambda b: (wanted, []) if (wanted := change(b)) is not None else None)
        return len(behind)

    # ------------------------------------------------------------------ reset
    def reset(self, name: str, rule: ResetRule, change: Callable[[Job], Job] = lambda job: job) -> Job:
        """Reset the tasks that `rule` selects, increase the run of the job by one, and return the job.

        `change`: further change of the job in the same write. If the reset is interrupted, any program can finish it
        with `finish_reset`.
        """

        began = False

        def begin(job: Job) -> Job | None:
            nonlocal began
            began = job.reset is None  # one reset at a time: finish an earlier reset first, even of a killed job
            return self._begin_reset(change(job), rule, self.now()) if began else None

        while True:
            job = self.finish_reset(self.update(name, begin))
            if began:
                return job

    @staticmethod
    def _begin_reset(job: Job, rule: ResetRule, now: float) -> Job:
        go = rule.go or not job.open  # the tasks of a killed job run again even if they were held
        restart = not job.open and job.deadline_seconds is not None
        return replace(
            job, state=JobState.RESETTING, run=job.run + 1, reset=replace(rule, go=go), closing=None, reason="",
            oldest_run=job.run + 1 if job.was_ended else job.oldest_run, reset_at=now, delivered=False,
            canaries=0 if go else job.canaries,
            deadline=now + (job.deadline_seconds or 0.0) if restart else job.deadline,
        )  # fmt: skip

    def finish_reset(self, job: Job) -> Job:
        """Finish an unfinished reset of the job, and return the job: reset each block that is still in an older run.

        While the blocks are read, a steal can create a block of an older run. So the blocks are read again until no
        such block exists.
        """
        if job.reset is None:
            return job
        while self._reset_pass(job, job.reset):
            pass

        def end(now: Job) -> Job | None:
            if not now.is_same_run(job) or now.reset is None:
                return None
            state = JobState.ACTIVE if now.state is JobState.RESETTING else now.state
            return replace(now, state=state, reset=None)

        return self.update(job.name, end)

    def _reset_pass(self, job: Job, rule: ResetRule) -> int:
        """Reset the blocks that are in an older run than the job, and return their number."""
        behind = [block for block in self.scan(job) if block.run < job.run]
        for block in behind:
            self.change_block(block, lambda b: (transitions.reset(b, rule, job.run), []) if b.run < job.run else None)
        return len(behind)

    def change_block(self, block: Block, change: Callable[[Block], tuple[Block, list[Block]] | None]) -> Block | None:
        """Change a block that the caller does not lease, and return the new block.

        `change` gets the stored block. It returns the new block and blocks to insert, or None to leave the block
        unchanged. It must return None for a block that it has already changed.

        Return None if the block does not exist any more, or if `change` returned None.
        """

        def attempt() -> Block | None:
            current: Block | None = block
            while current is not None:
                wanted = change(current)
                if wanted is None:
                    return None
                try:
                    version = self.swap(*wanted)
                    return replace(wanted[0], version=version)
                except Conflict:
                    current = self.get_block(block)
            return None

        return self._answered(attempt)

    # ------------------------------------------------------------------ blocks
    def find_records(
        self, job: Job, which: Find, *, size_classes: Sequence[int] | None = None, slot: int = 0, limit: int
    ) -> list[BlockRecord]:
        """Return the records of at most `limit` blocks of the kind `which`.

        `size_classes`: only blocks of these size classes; None: all blocks. `slot`: first slot of a search for READY.
        """
        return self._backend.find_blocks(job.uid, which, size_classes=size_classes, slot=slot, limit=limit)

    def get_block(self, block: Block) -> Block | None:
        """Return the present stored block with the uid and id of `block`; None if it does not exist any more."""
        record = self._backend.get_block(block.uid, block.id)
        return read_block(record) if record else None

    def swap(self, block: Block, inserts: Iterable[Block] = ()) -> int:
        """Replace the stored block with `block`, insert new blocks, and return the new version.

        Raises Conflict, and writes nothing, if the stored block does not have the version of `block`, or if a block to
        insert exists.
        """
        return self._backend.swap_block(block_record(block, _slot()), [block_record(new, _slot()) for new in inserts])

    def self_test(self) -> None:
        """Raise FencingError if the backend accepts a stale write. Consumers call this before their first task."""
        check_fencing(self._backend, self.sleep)


def _slot() -> int:
    return random.randrange(SLOTS)
