"""The queue: jobs and their tasks, on any backend.

Every write is a compare-and-set. A refused write is repeated from a fresh read. If the answer to a write is lost, a
read shows whether it was applied. No operation makes one call per task.
"""

from __future__ import annotations

import logging
import random
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count, islice, takewhile

from kubeque.model.errors import JobExists, JobNotFound, QueueUnavailable
from kubeque.model.job.changes import end_job
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job, JobState
from kubeque.model.job.reset_rule import ResetRule
from kubeque.model.job.task import Tally, TaskView
from kubeque.model.text import is_unicode
from kubeque.model.wording import code
from kubeque.queues import transitions
from kubeque.queues.backends.backend import SLOTS, Backend, BlockRecord, Conflict, Find, JobRecord, first_slot
from kubeque.queues.backends.records import block_record, job_record, killed_record, read_block, read_job, stored_uid
from kubeque.queues.block import MAX_BLOCK, Block
from kubeque.queues.fencing import check_fencing
from kubeque.queues.job_list import JobList, list_readable
from kubeque.queues.task_views import in_order
from kubeque.queues.until_answered import until_answered
from kubeque.retry import Sleep, T

log = logging.getLogger(__name__)
_SCAN_BATCH = 200
_INSERT_BATCH = 2000


class Queue:
    """Jobs and tasks in one backend. It is thread-safe."""

    def __init__(
        self, backend: Backend, *, sleep: Sleep = time.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._backend = backend
        #: Waits between calls to a backend that does not answer, and between claims that failed.
        self.sleep = sleep
        #: Monotonic clock of the leases, seconds.
        self.clock = clock
        #: Reasons why jobs cannot be read that were logged.
        self._logged: set[str] = set()

    @property
    def has_cheap_reads(self) -> bool:
        """True if a consumer may read a job every second; False where each read costs money."""
        return self._backend.cheap

    def close(self) -> None:
        self._backend.close()

    def now(self) -> float:
        """Return the clock of the queue, Unix seconds."""
        return self._backend.now()

    # ------------------------------------------------------------------ jobs
    def create(self, job: Job, content: Iterable[Block]) -> Job:
        """Create a job with its blocks and return it. It becomes visible when all of them are stored.

        Raises JobExists if the name is taken; the blocks are then deleted.
        """
        if self.find(job.name) is not None:
            raise JobExists(f"there is a job {job.name!r} already")
        self.insert_blocks(content)
        change_id, tries = secrets.token_hex(8), count()
        if not self._answered(lambda: self._insert(job, change_id, again=next(tries) > 0)):
            self.delete_blocks(job.uid)
            raise JobExists(f"there is a job {job.name!r} already")
        return job

    def insert_blocks(self, content: Iterable[Block]) -> None:
        """Store new blocks. The caller stores or changes their job afterwards."""
        rest = enumerate(content)
        while batch := [block_record(block, first_slot(number)) for number, block in islice(rest, _INSERT_BATCH)]:
            # Safe to repeat: existing blocks are unchanged.
            self._answered(partial(self._backend.insert_blocks, batch))

    def _insert(self, job: Job, change_id: str, *, again: bool) -> bool:
        """True if this job was created; False if another job has its name."""
        if again and not self._backend.scan_blocks(job.uid, limit=1):
            return True  # it was created, the answer was lost, and it was removed: do not create it again
        try:
            self._backend.insert_job(job_record(job, 0, [change_id]))
            return True
        except Conflict:
            kept = self._backend.get_job(job.name)
            # True after an own insert whose answer was lost; others may have changed the job since.
            return kept is not None and read_job(kept)[0].uid == job.uid

    def find(self, name: str) -> Job | None:
        """Return the job of that name, or None. Raises JobUnreadable."""
        if not is_unicode(name):
            return None
        record = self._backend.get_job(name)
        return read_job(record)[0] if record else None

    def job(self, name: str) -> Job:
        """Return the job of that name. Raises JobNotFound, JobUnreadable."""
        job = self.find(name)
        if job is None:
            raise JobNotFound(f"there is no job {name!r}: {code('status')} lists the jobs there are")
        return job

    def list_jobs(self, fleet: str | None = None) -> JobList:
        """Return all jobs, or those of a fleet that have not ended, and those that cannot be read."""
        return list_readable(self._backend.list_jobs(fleet))

    def jobs(self, fleet: str | None = None) -> list[Job]:
        """Return the jobs of `list_jobs` that can be read. Each other job is logged once."""
        listed = self.list_jobs(fleet)
        for reason in map(str, listed.unreadable):
            if reason not in self._logged:
                self._logged.add(reason)
                log.warning("left alone: %s", reason)
        return listed.jobs

    def update(self, name: str, change: Callable[[Job], Job | None]) -> Job:
        """Change a job by compare-and-set and return it.

        `change` gets the stored job and returns the changed one; None: no change. It may be called several times.

        Raises JobNotFound, JobUnreadable.
        """
        change_id, uids = secrets.token_hex(8), set[str]()
        return self._answered(lambda: self._try_update(name, change, change_id, uids))

    def _try_update(self, name: str, change: Callable[[Job], Job | None], change_id: str, uids: set[str]) -> Job:
        while True:
            record = self._backend.get_job(name)
            job, changes = read_job(record) if record else (None, [])
            if record is None or job is None or uids - {job.uid}:  # a new job of that name must not be changed
                raise JobNotFound(f"there is no job {name!r}: {code('status')} lists the jobs there are")
            # A change that was applied, but whose answer was lost, is not made twice.
            wanted = None if change_id in changes else change(job)
            if wanted is None:
                return job
            try:
                self._backend.swap_job(job_record(wanted, record.version, [*changes, change_id]))
                return wanted
            except Conflict:
                continue
            except QueueUnavailable:
                uids.add(job.uid)
                raise

    def kill(self, name: str) -> Job:
        """Stop a job. Its consumers notice this within five seconds and give their tasks back.

        Raises JobNotFound, JobUnreadable: `put_aside` stops such a job.
        """

        def change(job: Job) -> Job | None:
            unknown = job.state is JobState.UNKNOWN and job.closing is None
            return end_job(job, JobState.KILLED) if job.open or unknown else None

        return self.update(name, change)

    def put_aside(self, name: str) -> None:
        """Stop a job whose record is damaged: its state becomes `killed`, and no consumer lists it any more.

        Raises JobUnreadable if the job needs a newer kubeque.
        """
        self._answered(lambda: self._change_record(name, lambda record: self._backend.swap_job(killed_record(record))))

    def discard(self, name: str) -> str:
        """Delete the damaged record of a job, and its blocks; return its uid, empty if it is unknown.

        Raises JobUnreadable if the job needs a newer kubeque.
        """
        uid = ""

        def delete(record: JobRecord) -> None:
            nonlocal uid
            uid = stored_uid(record)
            self._backend.delete_job(record)

        self._answered(lambda: self._change_record(name, delete))
        if uid:
            self._delete_blocks_of(uid)
        return uid

    def _change_record(self, name: str, change: Callable[[JobRecord], object]) -> None:
        """Change a stored record that is damaged, unless it can be read by now or is gone.

        Raises JobUnreadable if the job needs a newer kubeque, which may be working on it.
        """
        while (record := self._backend.get_job(name)) is not None and (damaged := list_readable([record]).unreadable):
            if damaged[0].needs:
                raise damaged[0]
            with suppress(Conflict):
                change(record)
                return

    def stop(self, job: Job, reason: str) -> Job:
        """End a job early by its own rule. A job that was replaced or reset meanwhile is unchanged.

        Raises JobNotFound, JobUnreadable.
        """

        def change(now: Job) -> Job | None:
            return end_job(now, JobState.STOPPED, reason) if now.is_same_run(job) and now.open else None

        return self.update(job.name, change)

    def remove(self, name: str) -> Job | None:
        """Delete a job and its blocks, and return the job; None if there was none.

        Afterwards its consumers cannot record anything.
        """
        job = self.find(name)
        if job is not None:
            uid = job.uid
            self._answered(lambda: self._delete(name, uid))
            self._delete_blocks_of(uid)
        return job

    def _delete_blocks_of(self, uid: str) -> None:
        """Delete the blocks of a job that was deleted, unless a damaged record named the uid of another job."""
        if uid not in {job.uid for job in self.list_jobs().jobs}:
            self.delete_blocks(uid)

    def delete_blocks(self, uid: str) -> None:
        """Delete all blocks of a uid."""
        self._answered(lambda: self._backend.delete_blocks(uid))

    def _delete(self, name: str, uid: str) -> None:
        """Delete the job of that name if it has this uid."""
        while (record := self._backend.get_job(name)) is not None and read_job(record)[0].uid == uid:
            try:
                return self._backend.delete_job(record)
            except Conflict:
                continue

    # ------------------------------------------------------------------ tasks
    def tallies(self, job: Job) -> dict[int, Tally]:
        """Return the counts by size class, in O(blocks)."""
        return self._backend.tally(job.uid)

    def counts(self, job: Job) -> Counts:
        """Return the counts of the whole job. The remaining tasks of a killed or stopped job count as killed."""
        total = sum(self.tallies(job).values(), Tally())
        some_held = job.canaries or (job.reset is not None and job.reset.go)
        held = job.n - total.ok - total.failed - total.running - total.pending if some_held else 0
        if job.was_ended:
            return Counts(0, total.running, total.ok, total.failed, total.pending + held)
        return Counts(total.pending, total.running, total.ok, total.failed, held=held)

    def scan(self, job: Job, *, first: int = 0) -> Iterator[Block]:
        """Yield all blocks in order of their first task, except those that end before task `first`."""
        return (block for block in map(read_block, self.scan_records(job, first=first)) if block.hi > first)

    def scan_records(self, job: Job, *, first: int = 0) -> Iterator[BlockRecord]:
        """Yield the records of the blocks of `scan`, and possibly of some blocks that end before `first`."""
        after = (first - MAX_BLOCK, "") if first > 0 else None
        while batch := self._backend.scan_blocks(job.uid, after=after, limit=_SCAN_BATCH):
            yield from batch
            after = (batch[-1].lo, batch[-1].id)

    def tasks(self, job: Job, *, first: int = 0) -> Iterator[TaskView]:
        """Yield every task from index `first` on once, in order. Memory: a few blocks."""
        return (view for view in in_order(job, self.scan(job, first=first)) if view.index >= first)

    def task(self, job: Job, index: int) -> TaskView | None:
        """Return one task, or None if the job has no such index."""
        near = takewhile(lambda block: block.lo <= index, self.scan(job, first=index))
        return next((view for view in in_order(job, near) if view.index == index), None)

    # ------------------------------------------------------------------ reset
    def reset(self, name: str, rule: ResetRule, change: Callable[[Job], Job] = lambda job: job) -> Job:
        """Reset the tasks that `rule` selects, under a new run number, and return the job.

        `change` may change the job in the same write. If the reset is interrupted, any program can finish it by
        `finish_reset`.
        """

        began = False

        def begin(job: Job) -> Job | None:
            nonlocal began
            began = job.reset is None  # one reset at a time: finish an earlier one first, also if the job was killed
            return self._begin_reset(change(job), rule, self.now()) if began else None

        while True:
            job = self.finish_reset(self.update(name, begin))
            if began:
                return job

    @staticmethod
    def _begin_reset(job: Job, rule: ResetRule, now: float) -> Job:
        go = rule.go or not job.open  # tasks of a killed job run again, held or not
        restart = not job.open and job.deadline_seconds is not None
        return replace(
            job, state=JobState.RESETTING, run=job.run + 1, reset=replace(rule, go=go), closing=None, reason="",
            reset_at=now, delivered=False, canaries=0 if go else job.canaries,
            deadline=now + (job.deadline_seconds or 0.0) if restart else job.deadline,
        )  # fmt: skip

    def finish_reset(self, job: Job) -> Job:
        """Reset all blocks of an older run, end the reset of the job and return the job.

        Passes are repeated until none finds a block of an older run: a steal during a pass can create one.
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
        """Return the number of blocks that this pass changed."""
        behind = [block for block in self.scan(job) if block.run < job.run]
        for block in behind:
            self.change_block(block, lambda b: (transitions.reset(b, rule, job.run), []) if b.run < job.run else None)
        return len(behind)

    def change_block(self, block: Block, change: Callable[[Block], tuple[Block, list[Block]] | None]) -> Block | None:
        """Change a block whose lease the caller does not hold, and return it.

        Return None if the block is gone or `change` returned None. If `change` gets a block that it has already
        changed, it must return None.
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
    def find_records(
        self, job: Job, which: Find, *, size_classes: Sequence[int] | None = None, slot: int = 0, limit: int
    ) -> list[BlockRecord]:
        """Return the records of at most `limit` blocks of one kind, optionally only of some size classes.

        `slot`: where a search for READY begins.
        """
        return self._backend.find_blocks(job.uid, which, size_classes=size_classes, slot=slot, limit=limit)

    def get_block(self, block: Block) -> Block | None:
        """Return the stored block, or None if it is gone."""
        record = self._backend.get_block(block.uid, block.id)
        return read_block(record) if record else None

    def swap(self, block: Block, inserts: Iterable[Block] = ()) -> int:
        """Replace the version of the block that `block` was made from, insert new blocks, and return the new version.

        Raises Conflict, and writes nothing, if the stored version differs or a block to insert exists already.
        """
        return self._backend.swap_block(block_record(block, _slot()), [block_record(new, _slot()) for new in inserts])

    def self_test(self) -> None:
        """Raise FencingError unless the backend refuses a stale write. Consumers run this before their first task."""
        check_fencing(self._backend, self.sleep)


def _slot() -> int:
    return random.randrange(SLOTS)
