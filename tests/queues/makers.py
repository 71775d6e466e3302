"""Jobs, outcomes and leases for the tests of the queue."""

from __future__ import annotations

from typing import Any

from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.shapes import Shape
from kubeque.model.job.task import Outcome, State
from kubeque.model.quantities import MI
from kubeque.queues import claim as claims
from kubeque.queues.block import Block, make_blocks
from kubeque.queues.lease import Lease
from kubeque.queues.queue import Queue

#: Three classes of memory.
SHAPES = (Shape(64 * MI), Shape(128 * MI), Shape(256 * MI))
NASTY = 'o\'clock "quoted" \n\t\\ ; DROP TABLE job; -- \u2028 \N{PILE OF POO} \N{ARABIC LETTER ALEF} %s {x} \x00'


def make_job(n: int = 4, *, name: str = "sweep", uid: str = "uid-1", **fields: Any) -> Job:
    return Job(
        name, uid, n, f"file:///results/{name}/{uid}", **{"lease_seconds": 15.0, "heartbeat_seconds": 5.0} | fields
    )


def submit(queue: Queue, job: Job, *, size: int = 4) -> Job:
    return queue.create(job, make_blocks(job.uid, job.n, size))


def claim(queue: Queue, job: Job, owner: str = "anna", **options: Any) -> Lease:
    """Claim a lease. Fail if there is none."""
    lease = claims.claim(queue, job, owner, **options)
    assert lease is not None, "there was nothing to claim"
    return lease


def outcome(index: int, attempt: int = 1, cause: Cause = Cause.OK, **fields: Any) -> Outcome:
    return Outcome(index, attempt, cause, **{"code": 0 if cause is Cause.OK else 1, "seconds": 1.0} | fields)


def run_next(lease: Lease, cause: Cause = Cause.OK, **fields: Any) -> int:
    """Take the next task, end it, and return its index. Its outcome waits for the next commit."""
    taken = lease.take()
    assert taken is not None, "there was nothing to take"
    lease.add_outcome(outcome(*taken, cause, **fields))
    return taken[0]


def states(queue: Queue, job: Job) -> dict[int, State]:
    """Return the state of each task. Fail if a task is in two blocks or in none."""
    found: dict[int, State] = {}
    for block in queue.scan(job):
        for index in block.indexes(*(set(State) - {State.MOVED})):
            assert index not in found, f"task {index} is in two blocks"
            found[index] = block.state(index)
    assert sorted(found) == list(range(job.n))
    return found


def only_block(queue: Queue, job: Job) -> Block:
    (block,) = queue.scan(job)
    return block
