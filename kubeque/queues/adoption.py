"""Record results that the store has and the queue does not name, after an older copy of the queue was restored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.task import Outcome, State
from kubeque.queues import transitions
from kubeque.queues.block import Block
from kubeque.queues.queue import Queue


@dataclass(frozen=True, slots=True)
class Adoptable:
    """A task whose result can be adopted."""

    index: int
    #: Number of the last attempt that the queue knows.
    attempts: int
    #: Nonce of the lease of the last attempt, if the queue knows no result of this attempt; otherwise empty.
    nonce: str


def adoptable_tasks(block: Block) -> Iterator[Adoptable]:
    """Yield the tasks of a block whose results can be adopted."""
    for index in block.indexes(*transitions.ADOPTABLE):
        record = block.record(index)
        ended = record.outcome
        died = ended is None or ended.attempt < record.attempts or ended.cause in (Cause.LOST, Cause.PREEMPTED)
        lost = died and not block.leased and block.state(index) is State.PENDING
        yield Adoptable(index, record.attempts, block.nonce if lost and record.attempts else "")


def adopt_outcomes(queue: Queue, job: Job, outcomes: Mapping[int, Outcome]) -> int:
    """Record ok outcomes of attempts that the queue does not know, and return their number.

    A block changes only if no consumer leases it, or if its lease has expired. In the second case, the lease ends, and
    the other reserved tasks become pending. If the job was reset meanwhile, a task with a newer attempt is left out.
    """
    adopted = 0
    for block in list(queue.scan(job)) if outcomes else ():
        changed = queue.change_block(block, lambda b: transitions.adopt(b, outcomes, now=queue.now()))
        if changed is not None:
            adopted += sum(changed.record(index).outcome != block.record(index).outcome for index in outcomes)
    return adopted
