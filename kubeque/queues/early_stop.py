"""Early end of a job, because its command is hopeless, a limit is exceeded, or no Airflow task polls it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.causes import Cause
from kubeque.model.job.changes import end_job
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job, JobState
from kubeque.model.job.shape_growth import larger_class
from kubeque.model.job.task import Attempt, State, TaskRecord
from kubeque.model.quantities import format_seconds
from kubeque.model.text import LINE_CHARACTERS, cut, format_count
from kubeque.queues.block import Block
from kubeque.queues.queue import Queue


# ---------------------------------------------------------------------- the early end
@dataclass(frozen=True, slots=True)
class Early:
    """Decision from the first attempts of a job. If neither field is set, the job continues."""

    #: Reason to stop the job; empty: do not stop it.
    stop: str = ""
    #: New floor class; None: unchanged.
    floor: int | None = None


def early_attempts(job: Job) -> int:
    """Return the number of first attempts after which the decision of `judge` is final."""
    return max(20, 2 * job.consumers)


def judge(job: Job, content: Iterable[Block], now: float) -> Early:
    """Return the decision from the first attempts of a job. Pure function. `now`: time on the clock of the queue.

    Stop the job if all these conditions hold, because then every task would fail in the same way:

    - at least max(10, consumers) first attempts have ended, all by `exit` or all by `signal`, with the same code
    - every consumer that runs a task has ended an attempt
    - no reserved task has waited or run for more than 1 s and for more than twice as long as the longest failure
    - no task is ok, except linked tasks

    Raise the floor class if all first attempts ran out of memory, and at least max(20, 2 x consumers) of these tasks
    now have more memory than the floor class.
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
    """True if the task is linked. The result of a linked task does not prove that the command of this job works."""
    return record.outcome is not None and bool(record.outcome.linked)


def _above(job: Job, size_class: int) -> bool:
    """True if this size class has more memory than the floor class."""
    return (job.shapes[size_class].memory or 0) > (job.shapes[job.floor].memory or 0)


def _first_of_run(record: TaskRecord) -> Attempt | None:
    """Return the first stored failure of a task since the last reset, or None."""
    charged = [attempt for attempt in record.history if attempt.cause is not Cause.KILLED]
    since = min(sum(record.charges.values()), len(charged))
    return charged[-since] if since else None


def end_hopeless(queue: Queue, job: Job) -> Job:
    """Stop the job or raise its floor class, as `judge` decides. Return the job. Takes O(blocks)."""
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
    """Stop the job if its deadline has passed, too many tasks failed, or its Airflow task is gone. Return the job."""
    left = job.open and counts.ended < job.n
    if left and job.is_overdue(queue.now()):
        given = f" of {format_seconds(job.deadline_seconds)}" if job.deadline_seconds else ""
        return queue.stop(job, f"its deadline{given} has passed")
    if left and job.is_orphan(queue.now()):
        return _stop_orphan(queue, job)
    if left and job.max_failures is not None and counts.failed >= job.max_failures:
        return queue.stop(job, f"{format_count(counts.failed, 'task')} failed and max_failures is {job.max_failures}")
    return job


def stop_damaged(queue: Queue, job: Job, reason: str) -> Job:
    """Stop a job if no task is running. The caller found that its tasks can no longer run. Return the job.

    Raises QueueUnavailable, JobNotFound or JobUnreadable.
    """
    return job if queue.is_leased(job) else queue.stop(job, cut(reason, LINE_CHARACTERS))


def _stop_orphan(queue: Queue, job: Job) -> Job:
    """Stop a job that is an orphan, unless an Airflow task has polled it meanwhile."""

    def change(now: Job) -> Job | None:
        if not now.is_same_run(job) or not now.open or not now.is_orphan(queue.now()):
            return None
        return end_job(now, JobState.STOPPED, f"no Airflow task has polled it for {now.orphan_after:g} s")

    return queue.update(job.name, change)
