"""End a job early: hopeless jobs, limits and orphans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from kubeque.model.job.job import Counts, Job, JobState
from kubeque.model.job.shapes import larger_class
from kubeque.model.job.task import Attempt, Cause, State, TaskRecord
from kubeque.model.resources import format_seconds
from kubeque.queues.block import Block
from kubeque.queues.queue import Queue


# ---------------------------------------------------------------------- the early end
@dataclass(frozen=True, slots=True)
class Early:
    """What the first attempts of a job say: stop it, or raise its floor class, or (both empty) go on."""

    stop: str = ""
    floor: int | None = None


def early_attempts(job: Job) -> int:
    """So many first attempts tell at the latest whether the job is hopeless, or its memory too small."""
    return max(20, 2 * job.consumers)


def judge(job: Job, content: Iterable[Block], now: float) -> Early:
    """Look at the first attempts of a job. Pure; `now` is the store's clock.

    Stop when the first max(10, consumers) attempts all ended by `exit` or `signal` with one code, every consumer ended
    at least one, and nothing has run longer than those failures did: a hopeless command is not paid for N times.
    Raise the floor when the first max(20, 2 x consumers) that ran in the floor class all died of memory there.
    """
    firsts: list[Attempt] = []
    outgrown = 0
    holders: dict[str, float] = {}
    for block in content:
        if block.owner and State.RESERVED in block.states:
            holders[block.owner] = max(holders.get(block.owner, 0.0), now - block.began)
        if any(not _is_linked(block.record(index)) for index in block.indexes(State.OK)):
            return Early()
        of_block = [attempt for record in block.records.values() if (attempt := _first_of_run(record))]
        firsts += of_block
        outgrown += len(of_block) if _above(job, block.size_class) else 0
    if not firsts:
        return Early()
    (cause, code), count = Counter((attempt.cause, attempt.code) for attempt in firsts).most_common(1)[0]
    if count != len(firsts):
        return Early()
    if cause is Cause.OOM and outgrown >= early_attempts(job):
        return Early(floor=larger_class(job.shapes, job.floor, Cause.OOM))
    longest = max(attempt.seconds for attempt in firsts)
    enders = {attempt.owner for attempt in firsts}
    waiting = [owner for owner, seconds in holders.items() if owner not in enders or seconds > max(1.0, 2 * longest)]
    if cause in (Cause.EXIT, Cause.SIGNAL) and count >= max(10, job.consumers) and not waiting:
        return Early(stop=f"the first {count} attempts all ended by {cause} {code}")
    return Early()


def _is_linked(record: TaskRecord) -> bool:
    """Is it ok by the result of an earlier job, which says nothing of this one's command?"""
    return record.outcome is not None and bool(record.outcome.linked)


def _above(job: Job, size_class: int) -> bool:
    """Have this class's tasks outgrown the memory of the floor class?"""
    return (job.shapes[size_class].memory or 0) > (job.shapes[job.floor].memory or 0)


def _first_of_run(record: TaskRecord) -> Attempt | None:
    """A task's first failed attempt since the last reset, as far back as it is remembered."""
    since = min(sum(record.charges.values()), len(record.history))
    return record.history[-since] if since else None


def end_hopeless(queue: Queue, job: Job) -> Job:
    """Stop the job, or raise its floor class, where its first attempts say so. O(blocks)."""
    early = judge(job, queue.scan(job), queue.now())
    if early.stop:
        return queue.stop(job, early.stop)
    floor = early.floor
    if floor is None:
        return job

    def lift(now: Job) -> Job | None:
        applies = now.is_same_run(job) and now.floor < floor and now.open
        return replace(now, floor=floor) if applies else None

    return queue.update(job.name, lift)


def enforce_limits(queue: Queue, job: Job, counts: Counts) -> Job:
    """Stop the job where its deadline has passed, too many of its tasks failed, or who waited for it is gone."""
    left = job.open and counts.ended < job.n
    if left and job.is_overdue(queue.now()):
        given = f" of {format_seconds(job.deadline_seconds)}" if job.deadline_seconds else ""
        return queue.stop(job, f"its deadline{given} has passed")
    if left and job.is_orphan(queue.now()):
        return _stop_orphan(queue, job)
    if left and job.max_failures is not None and counts.failed >= job.max_failures:
        return queue.stop(
            job, f"{counts.failed} task{'s' * (counts.failed != 1)} failed and max_failures is {job.max_failures}"
        )
    return job


def _stop_orphan(queue: Queue, job: Job) -> Job:
    """Stop a job that nobody looks at, unless somebody has begun to again."""

    def change(now: Job) -> Job | None:
        if not now.is_same_run(job) or not now.open or not now.is_orphan(queue.now()):
            return None
        return replace(now, state=JobState.STOPPED, reason=f"nobody has looked at it for {now.orphan_after:g} s")

    return queue.update(job.name, change)
