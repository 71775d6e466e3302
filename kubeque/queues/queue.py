"""The queue: jobs and their tasks, above any store.

Every write here is a compare-and-set that is repeated from a fresh read when it was refused, and resolved by reading
when its answer was lost. No operation costs a call per task.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count, islice, takewhile

from kubeque.model.errors import FencingError, JobExists, JobNotFound, QueueUnavailable
from kubeque.model.job.job import Counts, Job, JobState, ResetRule
from kubeque.model.job.task import Tally, TaskView
from kubeque.queues import transitions
from kubeque.queues.backends.backend import SLOTS, Backend, BlockRecord, Conflict, place
from kubeque.queues.backends.records import block_record, job_record, read_block, read_job
from kubeque.queues.block import MAX_BLOCK, Block
from kubeque.queues.task_views import in_order
from kubeque.retry import Sleep, T, until_answered

_SCAN_BATCH = 200
_INSERT_BATCH = 2000


class Queue:
    """Jobs and tasks in one store. Threads may share it."""

    def __init__(
        self, store: Backend, *, sleep: Sleep = time.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.store = store
        #: How to wait: between attempts to reach the store, and between claims that others won.
        self.sleep = sleep
        #: Monotonic clock of the leases, seconds.
        self.clock = clock

    def close(self) -> None:
        self.store.close()

    def now(self) -> float:
        """The store's clock, Unix seconds."""
        return self.store.now()

    # ------------------------------------------------------------------ jobs
    def create(self, job: Job, content: Iterable[Block]) -> Job:
        """Make a job with its blocks. Nobody sees it before it is whole.

        Raises JobExists if the name is taken; nothing of the new job is left then.
        """
        if self.find(job.name) is not None:
            raise JobExists(f"there is a job {job.name!r} already")
        self.insert_blocks(content)
        mark, tries = secrets.token_hex(8), count()
        if not self._answered(lambda: self._insert(job, mark, again=next(tries) > 0)):
            self._answered(lambda: self.store.delete_blocks(job.uid))
            raise JobExists(f"there is a job {job.name!r} already")
        return job

    def insert_blocks(self, content: Iterable[Block]) -> None:
        """Keep new blocks; the job that names their uid comes, or changes, after them."""
        rest = enumerate(content)
        while batch := [block_record(block, place(number)) for number, block in islice(rest, _INSERT_BATCH)]:
            self._answered(partial(self.store.insert_blocks, batch))  # those that are there already stay: no harm twice

    def _insert(self, job: Job, mark: str, *, again: bool) -> bool:
        """Was this job made, and not another one of its name?"""
        if again and not self.store.scan_blocks(job.uid, limit=1):
            return True  # it was made, the answer was lost, and somebody removed it: it must not come back
        try:
            self.store.insert_job(job_record(job, 0, [mark]))
            return True
        except Conflict:
            kept = self.store.get_job(job.name)
            # Our own insert, whose answer was lost; others may have changed the job since.
            return kept is not None and read_job(kept)[0].uid == job.uid

    def find(self, name: str) -> Job | None:
        """The job of that name, or None."""
        record = self.store.get_job(name)
        return read_job(record)[0] if record else None

    def job(self, name: str) -> Job:
        """The job of that name. Raises JobNotFound."""
        job = self.find(name)
        if job is None:
            raise JobNotFound(f"there is no job {name!r}: `kubeque status` lists the jobs there are")
        return job

    def jobs(self, fleet: str | None = None) -> list[Job]:
        """All jobs, or those of a fleet that have not ended: higher priority first, then in order of submission."""
        found = [read_job(record)[0] for record in self.store.list_jobs(fleet)]
        return sorted(found, key=lambda job: (-job.priority, job.created, job.uid))

    def update(self, name: str, change: Callable[[Job], Job | None]) -> Job:
        """Change a job by compare-and-set; `change` sees the newest and may be asked again. None: leave it.

        Returns the job as it stands afterwards. Raises JobNotFound.
        """
        mark, uids = secrets.token_hex(8), set[str]()
        return self._answered(lambda: self._try_update(name, change, mark, uids))

    def _try_update(self, name: str, change: Callable[[Job], Job | None], mark: str, uids: set[str]) -> Job:
        while True:
            record = self.store.get_job(name)
            job, marks = read_job(record) if record else (None, [])
            if record is None or job is None or uids - {job.uid}:  # a job made anew is not the one that was changed
                raise JobNotFound(f"there is no job {name!r}: `kubeque status` lists the jobs there are")
            wanted = None if mark in marks else change(job)  # our own change, whose answer was lost, is not made twice
            if wanted is None:
                return job
            try:
                self.store.swap_job(job_record(wanted, record.version, [*marks, mark]))
                return wanted
            except Conflict:
                continue
            except QueueUnavailable:
                uids.add(job.uid)
                raise

    def kill(self, name: str) -> Job:
        """Let nothing more of the job run. Consumers see it within five seconds and give back what they hold."""
        return self.update(name, lambda job: replace(job, state=JobState.KILLED) if job.open else None)

    def stop(self, job: Job, reason: str) -> Job:
        """End a job early by its own rule. Nothing happens if it was removed, made anew or reset meanwhile."""

        def change(now: Job) -> Job | None:
            same = now.uid == job.uid and now.run == job.run and now.open
            return replace(now, state=JobState.STOPPED, reason=reason) if same else None

        return self.update(job.name, change)

    def remove(self, name: str) -> Job | None:
        """Delete a job and its blocks: old consumers cannot record anything from here on. None: there was none."""

        job = self.find(name)
        if job is not None:
            uid = job.uid
            self._answered(lambda: self._delete(name, uid))
            self._answered(lambda: self.store.delete_blocks(uid))
        return job

    def _delete(self, name: str, uid: str) -> None:
        """Delete the job of that name, if it is this one and not one made anew since."""
        while (record := self.store.get_job(name)) is not None and read_job(record)[0].uid == uid:
            try:
                return self.store.delete_job(record)
            except Conflict:
                continue

    # ------------------------------------------------------------------ tasks
    def tallies(self, job: Job) -> dict[int, Tally]:
        """Counts by class, in O(blocks)."""
        return self.store.tally(job.uid)

    def counts(self, job: Job) -> Counts:
        """Counts of the whole job. What a killed or stopped job has left over counts as killed."""
        total = sum(self.tallies(job).values(), Tally())
        some_held = job.canaries or (job.reset is not None and job.reset.go)
        held = job.n - total.ok - total.failed - total.running - total.pending if some_held else 0
        if job.state in (JobState.ACTIVE, JobState.RESETTING):
            return Counts(total.pending, total.running, total.ok, total.failed, held=held)
        return Counts(0, total.running, total.ok, total.failed, total.pending + held)

    def scan(self, job: Job, *, first: int = 0) -> Iterator[Block]:
        """All blocks in order of their first task, a few at a time; without those that end before task `first`."""
        return (block for block in map(read_block, self.scan_records(job, first=first)) if block.hi > first)

    def scan_records(self, job: Job, *, first: int = 0) -> Iterator[BlockRecord]:
        """The same as the store keeps them; some that end before `first` may be among them."""
        after = (first - MAX_BLOCK, "") if first > 0 else None
        while batch := self.store.scan_blocks(job.uid, after=after, limit=_SCAN_BATCH):
            yield from batch
            after = (batch[-1].lo, batch[-1].id)

    def tasks(self, job: Job, *, first: int = 0) -> Iterator[TaskView]:
        """Every task from index `first` on once, in order, whatever the job's size. Memory: a few blocks."""
        return (view for view in in_order(job, self.scan(job, first=first)) if view.index >= first)

    def task(self, job: Job, index: int) -> TaskView | None:
        """One task, or None if the job has no such index."""
        near = takewhile(lambda block: block.lo <= index, self.scan(job, first=index))
        return next((view for view in in_order(job, near) if view.index == index), None)

    # ------------------------------------------------------------------ reset
    def reset(self, name: str, rule: ResetRule, change: Callable[[Job], Job] = lambda job: job) -> Job:
        """Let what `rule` names run again, under a new run number; `change` may alter the job in the same step.

        Whatever happens on the way, the reset is finished by whoever calls `finish_reset` next.
        """

        began = False

        def begin(job: Job) -> Job | None:
            nonlocal began
            began = job.reset is None  # one reset at a time: finish the other one first, also if the job was killed
            return self._begin_reset(change(job), rule, self.now()) if began else None

        while True:
            job = self.finish_reset(self.update(name, begin))
            if began:
                return job

    @staticmethod
    def _begin_reset(job: Job, rule: ResetRule, now: float) -> Job:
        go = rule.go or not job.open  # what was killed runs again, held or not
        anew = not job.open and job.deadline_seconds is not None
        return replace(
            job, state=JobState.RESETTING, run=job.run + 1, reset=replace(rule, go=go), closing=None, reason="",
            delivered=False, canaries=0 if go else job.canaries,
            deadline=now + (job.deadline_seconds or 0.0) if anew else job.deadline,
        )  # fmt: skip

    def finish_reset(self, job: Job) -> Job:
        """Pass over the blocks until none is left of an older run, then let the job be closed again.

        One pass is not enough: a steal between its read and its write hides rows in a block that it never saw.
        """
        if job.reset is None:
            return job
        while self._reset_pass(job, job.reset):
            pass

        def end(now: Job) -> Job | None:
            if now.uid != job.uid or now.run != job.run or now.reset is None:
                return None
            state = JobState.ACTIVE if now.state is JobState.RESETTING else now.state
            return replace(now, state=state, reset=None)

        return self.update(job.name, end)

    def _reset_pass(self, job: Job, rule: ResetRule) -> int:
        """How many blocks this pass had to touch."""
        behind = [block for block in self.scan(job) if block.run < job.run]
        for block in behind:
            self.change_block(block, lambda b: (transitions.reset(b, rule, job.run), []) if b.run < job.run else None)
        return len(behind)

    def change_block(self, block: Block, change: Callable[[Block], tuple[Block, list[Block]] | None]) -> Block | None:
        """Change a block by somebody who does not hold its lease; `change` must find nothing to do in its own result.

        Returns the block as it stands; None if it is gone or `change` had nothing to do.
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

    def _answered(self, action: Callable[[], T]) -> T:
        return until_answered(action, self.sleep)

    # ------------------------------------------------------------------ blocks
    def get_block(self, block: Block) -> Block | None:
        """The block as the store holds it now."""
        record = self.store.get_block(block.uid, block.id)
        return read_block(record) if record else None

    def swap(self, block: Block, inserts: Iterable[Block] = ()) -> int:
        """Write a block over the version it was made from, and new ones beside it. Raises Conflict."""
        return self.store.swap_block(block_record(block, _slot()), [block_record(new, _slot()) for new in inserts])

    def self_test(self) -> None:
        """Prove that the store refuses a stale write. Raises FencingError; run once before the first task."""
        uid = f"selftest-{secrets.token_hex(6)}"
        first = Block(uid, "0-0", 0, 1, 0, bytes(1))
        try:
            self.insert_blocks([first])
            held = self.get_block(first)
            if held is None:
                raise FencingError("the queue forgot a block that it had just accepted: use another store")
            self.swap(replace(held, run=1))
            try:
                self.swap(replace(held, run=2))
            except Conflict:
                return
            raise FencingError(
                "the queue accepted a stale write, so two consumers could own one task: use another store"
            )
        finally:
            self.store.delete_blocks(uid)


def _slot() -> int:
    return random.randrange(SLOTS)


def succeed(queue: Queue, before: Job, after: Job, content: Iterable[Block]) -> Job:
    """Put `after` with its blocks in the place of `before`: old consumers cannot record anything from here on.

    Raises JobExists where the name is another job's by now; nothing of `after` is left then.
    """
    queue.insert_blocks(content)
    try:
        there = queue.update(before.name, lambda now: after if now.uid == before.uid else None)
    except JobNotFound:  # also the answer where ours was made and the store's answer was lost
        there = queue.find(before.name) or before
    if there.uid != after.uid:
        until_answered(lambda: queue.store.delete_blocks(after.uid), queue.sleep)
        raise JobExists(f"the job {before.name!r} was removed or made anew by somebody else meanwhile: submit again")
    until_answered(lambda: queue.store.delete_blocks(before.uid), queue.sleep)
    return there
