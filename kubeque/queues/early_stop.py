"""End a job early if its first attempts all fail, if it exceeds a limit, or if its Airflow task stopped polling it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.causes import Cause
from kubeque.model.job.changes import end_job
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import JobState
from kubeque.model.job.shapes import larger_class
from kubeque.model.job.task import Attempt, State, TaskRecord
from kubeque.model.quantities import format_seconds
from kubeque.model.text import LINE_CHARACTERS, cut, format_count
from kubeque.queues.block import Block
from kubeque.queues.queue import Queue


# ---------------------------------------------------------------------- the early end
@dataclass(frozen=True, slots=True)
class Early:
    """Decision from the first attempts of a job. If neither field is set, the job does not change."""

    #: Reason to stop the job; empty: do not stop it.
    stop: str = ""
    #: New lowest size class in which tasks of the job run (`Job.floor`); None: unchanged.
    floor: int | None = None


def early_attempts(job: Job) -> int:
    """Return the largest number of first attempts that `judge` needs for a decision."""
    return max(20, 2 * job.consumers)


def judge(job: Job, content: Iterable[Block], now: float) -> Early:
    """Return the decision from the first attempt of each task of a job. Pure function.

    `content`: all blocks of the job. `now`: time on the clock of the queue, Unix seconds.

    Stop the job if all these conditions hold, because then every task would fail in the same way:

    - at least max(10, consumers) first attempts have ended, all by `exit` or all by `signal`, with the same code
    - every consumer that has reserved tasks has ended at least one of these first attempts
    - no consumer reserved its tasks more than max(1 s, twice the longest first attempt) ago
    - no task is ok, except linked tasks
    - the job has no `max_failures`; with this limit, the user has decided how many tasks may fail

    Raise `Job.floor`, the lowest size class in which tasks run, if all first attempts ran out of memory. In addition,
    at least max(20, 2 x consumers) of these tasks must now be in a size class with more memory.
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
    if (
        job.max_failures is None
        and cause in (Cause.EXIT, Cause.SIGNAL)
        and count >= max(10, job.consumers)
        and not waiting
    ):
        anyway = f"--max-failures {job.n} runs all rows anyway"
        return Early(stop=f"the first {count} attempts all ended by {cause} {code}; {anyway}")
    return Early()


def _is_linked(record: TaskRecord) -> bool:
    """True if the task is linked. The result of a linked task does not prove that the command of this job works."""
    return record.outcome is not None and bool(record.outcome.linked)


def _above(job: Job, size_class: int) -> bool:
    """True if the size class has more memory than the lowest size class in which tasks of the job run (`Job.floor`)."""
    return (job.shapes[size_class].memory or 0) > (job.shapes[job.floor].memory or 0)


def _first_of_run(record: TaskRecord) -> Attempt | None:
    """Return the first stored failure of a task since the last reset; None if the task has none."""
    charged = [attempt for attempt in record.history if attempt.cause is not Cause.KILLED]
    since = min(sum(record.charges.values()), len(charged))
    return charged[-since] if since else None


def end_hopeless(queue: Queue, job: Job) -> Job:
    """Stop the job, or raise the lowest size class in which its tasks run, as `judge` decides. Return the job.

    Reads all blocks of the job.
    """
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
    """Stop the job if its deadline has passed, too many tasks failed, or its Airflow task no longer polls it.

    Return the job. `counts`: present number of tasks in each state.
    """
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
    """Stop a job whose tasks can no longer run, and return the job. If a block is leased, do not stop the job.

    `reason`: reason why the tasks can no longer run. Raises QueueUnavailable, JobNotFound or JobUnreadable.
    """
    return job if queue.is_leased(job) else queue.stop(job, cut(reason, LINE_CHARACTERS))


def _stop_orphan(queue: Queue, job: Job) -> Job:
    """Stop a job that no Airflow task polls any more, and return the job.

    Do not stop it if an Airflow task has polled it meanwhile.
    """

    def change(now: Job) -> Job | None:
        if not now.is_same_run(job) or not now.open or not now.is_orphan(queue.now()):
            return None
        return end_job(now, JobState.STOPPED, f"no Airflow task has polled it for {now.orphan_after:g} s")

    return queue.update(job.name, change)
