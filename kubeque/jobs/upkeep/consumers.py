"""The consumers that have leases now, as the blocks of the queue show them, and requests to them to leave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial

from kubeque.jobs.backends import Backends
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import JobNotFound, UserError
from kubeque.model.job.changes import send_consumers_home
from kubeque.model.job.job import Job
from kubeque.model.job.task import State
from kubeque.model.stats.places import Kind, Place, count_places, find_place
from kubeque.model.text import describe, printable
from kubeque.model.wording import code
from kubeque.queues.block import Block
from kubeque.queues.reaper import list_leased

#: Maximum number of places that an error names.
_LISTED = 10


@dataclass(frozen=True, slots=True)
class ActiveConsumer:
    """A consumer that has tasks of a job. Times are Unix seconds on the clock of the queue."""

    #: Name of the consumer, as its leases and the timeline contain it.
    name: str
    place: Place
    #: Name of the job.
    job: str
    #: Number of tasks that are reserved for the consumer, including the running task.
    reserved: int
    #: Index of the running task, and the start of its command; None if the queue names none.
    running: int | None
    running_since: float | None
    #: Number of attempts that the consumer has ended in the blocks that it leases now.
    done: int
    #: Earliest time at which the consumer is known to have worked on these blocks.
    since: float
    #: Time of the last commit, which is also a heartbeat.
    heartbeat: float
    #: True if the queue has a request to the consumer to leave after its task.
    leaves: bool


def list_consumers(backends: Backends, name: str | None = None) -> list[ActiveConsumer]:
    """Return the consumers that have leases of a job, or of all jobs without `name`, sorted by job and place.

    Reads only leased blocks, at most 1,000 of each job. Raises JobNotFound, JobUnreadable, QueueError.
    """
    queue = backends.queue
    jobs = [queue.job(name)] if name is not None else queue.jobs()
    found = [each for job in jobs if job.closing is None for each in _group(job, list_leased(queue, job))]
    return sorted(found, key=lambda each: (each.job, each.place.kind, each.place.name, each.name))


def _group(job: Job, leased: Iterable[Block]) -> list[ActiveConsumer]:
    """Return the consumers that lease these blocks of a job."""
    blocks = defaultdict[str, list[Block]](list)
    for block in leased:
        blocks[block.owner].append(block)
    return [_describe(job, owner, held) for owner, held in blocks.items()]


def _describe(job: Job, owner: str, blocks: Sequence[Block]) -> ActiveConsumer:
    notes = [note for block in blocks if (note := block.command_note) is not None and note.index is not None]
    note = max(notes, key=lambda each: each.noted, default=None)
    records = (record for block in blocks for record in block.records.values())
    attempts = [attempt for record in records for attempt in record.history if attempt.owner == owner]
    heartbeat = max(block.expires for block in blocks) - job.lease_seconds
    # The clock of the consumer gave the start of an attempt. It is 0 if the command did not start.
    starts = [attempt.start for attempt in attempts if 0 < attempt.start <= heartbeat]
    return ActiveConsumer(
        owner, find_place(owner), job.name,
        reserved=sum(block.states.count(State.RESERVED) for block in blocks),
        running=note.index if note is not None else None,
        running_since=note.since if note is not None else None,
        done=len(attempts),
        since=min([*(block.began for block in blocks), *starts]),
        heartbeat=heartbeat,
        leaves=owner in job.leaving,
    )  # fmt: skip


def send_home(backends: Backends, target: str) -> list[str]:
    """Ask consumers of `kubeque work` to leave after their present task, and return their names.

    `target`: a machine, for all its consumers of `kubeque work`, or the name of one consumer. The request is in each
    job of which the consumer has tasks. Raises UserError if there is no such consumer, or if `kubeque scale` governs
    it. Raises QueueError.
    """
    found = list_consumers(backends)
    chosen = [each for each in found if target in (each.name, each.place.name)]
    asked = [each for each in chosen if each.place.kind is Kind.WORK]
    if not asked:
        raise UserError(f"{describe(target)}: {_why_nobody_leaves(chosen, found)}")
    for name in {each.job for each in asked}:
        names = {each.name for each in asked if each.job == name}
        holders = {each.name for each in found if each.job == name}
        with suppress(JobNotFound):  # the job was removed meanwhile
            backends.queue.update(name, partial(send_consumers_home, asked=names, holders=holders))
    return sorted({each.name for each in asked})


def _why_nobody_leaves(chosen: Sequence[ActiveConsumer], found: Sequence[ActiveConsumer]) -> str:
    """Return why the request is refused. `chosen`: consumers at the target. `found`: all consumers."""
    if chosen:
        job = chosen[0].job
        return (
            f"its consumers belong to the sweep's own cluster: {code('scale', job)} with a smaller number lets some of"
            " them leave"
        )
    places = count_places(each.name for each in found if each.place.kind is Kind.WORK)
    if not places:
        return "no consumer of kubeque work has tasks now, so none can leave"
    names = ", ".join(f"{printable(place.name)} ({place.consumers})" for place in places[:_LISTED])
    more = f" and {len(places) - _LISTED} more" if len(places) > _LISTED else ""
    return (
        "no consumer of kubeque work with tasks has this name or place: give one of these places, or a name that"
        f" {code('consumers')} lists: {names}{more}"
    )
