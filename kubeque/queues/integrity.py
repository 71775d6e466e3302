"""The audit of a job: find faults in its blocks and counts.

The functions are pure: blocks, counts and the time are arguments. The blocks of a running job change while an audit
reads them. So an audit can find a stolen or moved task in two blocks. A fault is real only if several audits find it
(see `standing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace

from kubeque import __version__
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import JobUnreadable
from kubeque.model.job.causes import Cause
from kubeque.model.job.counts import Tally
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import JobState
from kubeque.model.job.task import State, TaskRecord
from kubeque.model.wording import code
from kubeque.queues.backends.backend import BlockRecord, pack, pack_pending, unpack
from kubeque.queues.backends.records import read_block
from kubeque.queues.block import Block

#: Seconds by which the end of a lease may be later than expected, because clocks differ.
_SLACK_SECONDS = 60.0
#: Maximum number of tasks that an audit names for one kind of fault. Further tasks are only counted.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a job: an object and the description of its fault."""

    #: The faulty object, for example "task 7" or "block 0-256". The text is the same in every audit.
    where: str
    #: Description of the fault. It includes the remedy if there is one.
    what: str


@dataclass(slots=True)
class Audit:
    """One pass over all blocks of a job."""

    job: Job
    #: Clock of the queue, Unix seconds.
    now: float
    findings: list[Fault] = field(default_factory=list)
    blocks: int = 0
    #: Counts of the task states, by size class.
    tallies: dict[int, Tally] = field(default_factory=dict)
    #: Size classes with tasks in states that only a newer kubeque knows.
    _uncountable: set[int] = field(default_factory=set)
    #: For each task of the job, the number of blocks that contain the task; 2: two or more blocks.
    _homes: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self._homes = bytearray(self.job.n)

    def look(self, records: Iterable[BlockRecord]) -> Audit:
        """Check all blocks of the job and return this audit. Uses one byte of memory for each task."""
        for record in records:
            self.blocks += 1
            where = f"block {record.id}"
            try:
                block = read_block(record)
                broken = _out_of_shape(self.job, block)
            except JobUnreadable as error:
                block, broken = None, f"the record cannot be read: {error}"
            if block is None or broken:
                self.findings.append(Fault(where, broken))
                continue
            self._settle(block, record)
            for what in (*_marks(block, record), *_lease(self.job, block, self.now), *_run(self.job, block)):
                self.findings.append(Fault(where, what))
            self.findings += _tasks(block)
        self._find_homeless()
        return self

    def _settle(self, block: Block, record: BlockRecord) -> None:
        tally = _accepted_tally(block, record)
        self.tallies[block.size_class] = self.tallies.get(block.size_class, Tally()) + tally
        if block.has_unknown_states:
            self._uncountable.add(block.size_class)
        for offset, state in enumerate(block.states):
            if state != State.MOVED:
                self._homes[block.lo + offset] = min(2, self._homes[block.lo + offset] + 1)

    def _find_homeless(self) -> None:
        for count, what in ((0, "is in no block and will never run"), (2, "is in two blocks and may run twice")):
            found = [index for index, homes in enumerate(self._homes) if homes == count]
            self.findings += [Fault(f"task {index}", what) for index in found[:_NAMED]]
            if len(found) > _NAMED:
                self.findings.append(Fault("tasks", f"and {len(found) - _NAMED} more: each {what}"))

    def compare(self, counted: Mapping[int, Tally]) -> Audit:
        """Compare the queue's counts with the counts of the task states in the blocks, and return this audit.

        `counted`: counts that the queue reports, by size class.
        """
        for size_class in sorted({*counted, *self.tallies}):
            said, found = counted.get(size_class, Tally()), self.tallies.get(size_class, Tally())
            if said != found and size_class not in self._uncountable:
                self.findings.append(
                    Fault(f"class {size_class}", f"the queue counts {said}, but the blocks of the job hold {found}")
                )
        return self

    def close(self) -> Audit:
        """Compare the fields of the job with its blocks, and return this audit."""
        job, total = self.job, sum(self.tallies.values(), Tally())
        if job.reset is not None:
            self._of_job(f"the reset to run {job.run} is not finished: {code('status', job.name)} finishes the reset")
        if job.closing is not None:
            closed, open_left = job.closing.counts, job.state is JobState.ACTIVE and (total.pending or total.running)
            if open_left or (closed.ok, closed.failed) != (total.ok, total.failed):
                self._of_job(f"the job was closed with {closed}, but the blocks of the job hold {total}")
        return self

    def _of_job(self, what: str) -> None:
        self.findings.append(Fault("job", what))


def standing(looks: Sequence[Sequence[Fault]]) -> list[Fault]:
    """Return the faults that every audit found. The other faults are not real: a block changed during an audit.

    `looks`: the faults that each audit found.
    """
    steady = set.intersection(*({(finding.where, _kind(finding)) for finding in look} for look in looks))
    return [finding for finding in looks[-1] if (finding.where, _kind(finding)) in steady]


def _kind(finding: Fault) -> str:
    """Return the description of a fault without digits, because its numbers can change between two audits."""
    return "".join(char for char in finding.what if not char.isdigit())


def _out_of_shape(job: Job, block: Block) -> str:
    """Return the description of a fault that prevents further checks of the block; empty without such a fault."""
    if block.hi > job.n:
        return f"the block holds tasks {block.lo} to {block.hi - 1}, but the job has {job.n} tasks"
    if block.id != f"{block.size_class}-{block.lo}" or not 0 <= block.size_class < len(job.shapes):
        return f"the id does not match the class {block.size_class} and the first task {block.lo}"
    return ""


def _accepted_tally(block: Block, record: BlockRecord) -> Tally:
    """Return the counts that the stored record of a block should contain.

    A program that writes no note of the running command counts all reserved tasks as running. If the record contains
    these counts, they are also correct.
    """
    plain = replace(block, note=None).tally()
    return plain if unpack(record.tally, record.pending) == plain else block.tally()


def _marks(block: Block, record: BlockRecord) -> Iterator[str]:
    """Yield the faults in the indexed fields of a block's record. Searches and counts use only these fields."""
    tally = _accepted_tally(block, record)
    if (record.tally, record.pending) != (pack(tally), pack_pending(tally)) and not block.has_unknown_states:
        yield "the recorded counts of the block are wrong"
    if (record.slot is not None) != block.ready:
        yield (
            "the block has pending tasks, but is not indexed as ready"
            if block.ready
            else "the block is indexed as ready, but has no pending task"
        )
    if record.expires != (block.expires if block.leased else None):
        yield (
            "the lease of the block is not in the index"
            if block.leased
            else "the block is indexed as leased, but has no owner"
        )
    if (record.spare or 0) != len(block.spare()).bit_length():
        yield "the recorded number of stealable tasks is wrong"


def _lease(job: Job, block: Block, now: float) -> Iterator[str]:
    if not block.owner:
        if State.RESERVED in block.states:
            yield "the block has reserved tasks, but no owner"
        return
    if not block.nonce or block.epoch < 1:
        yield f"{block.owner} owns the block, but the block was never leased"
    if not any(state in block.states for state in (State.PENDING, State.RESERVED)):
        yield f"{block.owner} owns the block, but all tasks of the block have ended"
    if block.held:
        yield f"{block.owner} owns the block, but the tasks of the block are held"
    if block.expires > now + job.lease_seconds + _SLACK_SECONDS:
        yield f"the lease ends in {block.expires - now:.0f} s: the clock of {block.owner} may be wrong"
    overdue = now - block.expires
    if overdue > job.lease_seconds + job.heartbeat_seconds:
        yield (
            f"the lease of {block.owner} ended {overdue:.0f} s ago and was not taken back:"
            f" {code('status', job.name)} takes the lease back"
        )


def _run(job: Job, block: Block) -> Iterator[str]:
    if block.run > job.run:
        yield f"the block is in run {block.run}, but the job is in run {job.run}"
    if block.held and not job.canaries and job.reset is None:
        yield f"the block is held, but the job has no canaries: {code('kill', job.name)}, then reset, runs the tasks"
    if block.run < job.run and job.reset is None:
        yield f"the block remained in run {block.run}, but the job is in run {job.run}"


def _tasks(block: Block) -> Iterator[Fault]:
    """Yield a fault for each task whose record contradicts the task's state or the range of the block."""
    for index in block.records:
        if not block.lo <= index < block.hi:
            yield Fault(f"task {index}", f"block {block.id} has a record of the task, but does not hold the task")
    for index in range(block.lo, block.hi):
        what = _disagreement(block.state(index), block.record(index))
        if what:
            yield Fault(f"task {index}", what)


def _disagreement(state: State, record: TaskRecord) -> str:
    outcome = record.outcome
    if state is State.UNKNOWN:
        return (
            f"the state is unknown to kubeque {__version__}: a newer kubeque stored the state, or the block is damaged"
        )
    if outcome is not None and outcome.attempt > record.attempts:
        return f"attempt {outcome.attempt} ended, but only {record.attempts} have begun"
    if len(record.history) > record.attempts:
        return f"the task has records of {len(record.history)} attempts, but only {record.attempts} have begun"
    if state is State.RESERVED and record.attempts < 1:
        return "the task is reserved, but has no attempt"
    if state in (State.OK, State.FAILED):
        if outcome is None:
            return f"the task is {state.name.lower()}, but has no outcome"
        if (outcome.cause is Cause.OK) != (state is State.OK):
            return f"the task is {state.name.lower()}, but ended by {outcome.cause}"
    return ""
