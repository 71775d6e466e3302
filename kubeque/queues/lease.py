"""The lease of a block: begin its tasks, extend the lease, record outcomes and give tasks back.

The threads of a consumer share a `Lease`, and a lock serializes its commits. If the answer to a commit is lost, the
lease reads the block, which shows whether the commit was applied.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from kubeque.model.errors import JobUnreadable, KubequeError, LeaseLost, QueueUnavailable
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.task import Outcome, State
from kubeque.queues import transitions
from kubeque.queues.backends.backend import Conflict
from kubeque.queues.block import MAX_MOVES, Block
from kubeque.queues.queue import Queue
from kubeque.queues.running_command import RunningCommand
from kubeque.queues.transitions import Settled

log = logging.getLogger(__name__)


class Lease:
    """The exclusive right of one consumer to the tasks of one block, for a limited time. The class is thread-safe."""

    def __init__(
        self,
        queue: Queue,
        job: Job,
        block: Block,
        *,
        clock: Callable[[], float] | None = None,
        unanswered: bool = False,
        command: RunningCommand | None = None,
    ) -> None:
        """`clock`: monotonic clock, seconds; None: the clock of the queue object.

        `unanswered`: True if the queue has not confirmed this lease. Then no task starts before a commit succeeds.
        `command`: command that the consumer is running; each commit records it in the block. None: nothing is recorded.
        """
        self._unanswered = unanswered
        self._command = command
        #: Tasks whose command has ended and whose outcome is not recorded.
        self._ended: set[int] = set()
        self.job = job
        self._queue = queue
        self._block = block
        self._clock = clock or queue.clock
        self._lock = threading.RLock()
        self._begun: set[int] = set()
        self._killed = _killed_rows(block)
        #: Tasks that an unanswered commit may have given back. They do not start before the block is read again.
        self._doubtful: set[int] = set(block.indexes(State.RESERVED)) if unanswered else set()
        self._waiting: list[Outcome] = []
        self.committed_at = self._clock()
        self._waiting_since = self.committed_at
        self.lost = False

    @property
    def block(self) -> Block:
        """The block as of its last read or write."""
        return self._block

    @property
    def held(self) -> bool:
        """True if the lease may still have tasks to run or outcomes to record."""
        return not self.lost and self._block.leased

    @property
    def waiting(self) -> int:
        """Number of outcomes that no commit has recorded yet."""
        return len(self._waiting)

    @property
    def waiting_since(self) -> float | None:
        """Time at which the oldest unrecorded outcome was added, on the lease's monotonic clock, seconds.

        None if all outcomes are recorded.
        """
        return self._waiting_since if self._waiting else None

    @property
    def untouched(self) -> list[int]:
        """Indexes of the reserved tasks that have not begun and whose rows are not killed, as of the last commit.

        Does not wait for a commit in another thread.
        """
        killed = self._killed
        return [i for i in self._block.indexes(State.RESERVED) if i not in self._begun and i not in killed]

    @property
    def killed(self) -> frozenset[int]:
        """Indexes of the tasks whose rows were killed after their reservation, as of the last read of the block."""
        return self._killed

    @property
    def idle(self) -> bool:
        """True if the outcome of every task that has begun is recorded."""
        return not self._begun

    def take(self) -> tuple[int, int] | None:
        """Begin the next reserved task. Return its index and attempt number; None if no reserved task can begin."""
        with self._lock:
            for index in self.untouched if self.held else ():
                if index not in self._doubtful:
                    self._begun.add(index)
                    return index, self._block.record(index).attempts
        return None

    def untake(self, index: int) -> None:
        """Mark a task as not begun if `take` returned it, but its command has not run. It can then be given back."""
        with self._lock:
            self._begun.discard(index)
            self._ended.discard(index)

    def begin_command(self, index: int) -> None:
        """Record that the command of a task begins. Does not wait for a commit in another thread."""
        if self._command is not None:
            self._command.begin(self, index)

    def end_command(self, index: int) -> None:
        """Record that the command of a task has ended. Does not wait for a commit in another thread."""
        self._ended.add(index)
        if self._command is not None:
            self._command.end()

    def unended(self) -> list[int]:
        """Return the reserved tasks whose command has not ended, as of the last commit; empty if the lease is lost."""
        return self._unended(self._block) if self.held else []

    def _unended(self, block: Block) -> list[int]:
        return [index for index in block.indexes(State.RESERVED) if index not in self._ended]

    def misnames_command(self, seconds: float) -> bool:
        """True if the note in the block has named a wrong task as the running task for at least `seconds`.

        While no command of this lease runs, a task whose command has just ended does not count as wrong.
        """
        note = self._block.command_note
        if note is None or self._command is None or self._command.unchanged_seconds < seconds:
            return False
        running = self._command.task_of(self)
        return note.index != running and (running is not None or note.index not in self._ended)

    def add_outcome(self, outcome: Outcome) -> None:
        """Add the outcome of an attempt whose results are in the store. The next commit records the outcome."""
        with self._lock:
            if not self._waiting:
                self._waiting_since = self._clock()
            self._waiting.append(outcome)

    def commit(self, *, reserve: int = 0, give_back: bool = False, release: bool = False) -> None:
        """Record the waiting outcomes and extend the lease. If the block was given back before, write nothing.

        `reserve`: number of further tasks to reserve.

        `give_back`: True to give back the reserved tasks that have not begun. If the outcome of every task that has
        begun is recorded, the block is given back too: no other consumer can run the first task of a leased block.

        `release`: True to give back all reserved tasks and the block.

        Raises LeaseLost if another consumer has the block, or if outcomes wait and the block was given back before.
        Raises QueueUnavailable if the queue does not answer. In this case the outcomes stay in the lease, and the next
        commit reads the block first.
        """
        with self._lock:
            if self._unanswered:
                self._settle(self._block)
                self._unanswered = False
            while self._block.leased and self._must_split():
                self._write(self._waiting[:MAX_MOVES])
            if self.lost or (self._waiting and not self._block.leased):
                raise self._lose()
            if self._block.leased:
                back = self.untouched if give_back else []
                release = release or (give_back and self.idle)
                self._write(list(self._waiting), reserve=reserve, back=back, release=release)
            self.committed_at = self._clock()

    def commit_each(self, reason: str) -> None:
        """Record each waiting outcome in its own commit. If a commit fails unexpectedly, record `internal` instead.

        `reason`: message of an outcome `internal`. Raises the errors of `commit`. If an outcome `internal` cannot be
        recorded either, the error of this second try is raised.
        """
        with self._lock:
            for outcome in list(self._waiting) if self._block.leased else ():
                try:
                    self._write([outcome])
                except KubequeError:
                    raise
                except Exception:
                    log.exception("the outcome of task %d of %s cannot be stored", outcome.index, self.job.name)
                    self._waiting[0] = _internal(outcome.index, outcome.attempt, self.job, reason, outcome.start)
                    self._write([self._waiting[0]])

    def fail_reserved(self, message: str, *, untouched: bool) -> None:
        """Add an outcome `internal` for each reserved task that has begun and has no outcome yet.

        `message`: message of these outcomes. `untouched`: True to include the reserved tasks that have not begun.
        """
        with self._lock:
            known = {outcome.index for outcome in self._waiting}
            for index in self._block.indexes(State.RESERVED):
                if index not in known and (untouched or index in self._begun):
                    self.add_outcome(
                        _internal(index, self._block.record(index).attempts, self.job, message, time.time())
                    )

    def add_interrupted(self, index: int, seconds: float) -> None:
        """Add the outcome `killed` of the running attempt of task `index`. `seconds`: time since its start.

        Do nothing if the lease was given back or lost, or if the attempt already has an outcome.
        """
        with self._lock:
            if not self.held or index in {outcome.index for outcome in self._waiting}:
                return
            if self._block.lo <= index < self._block.hi and self._block.state(index) is State.RESERVED:
                attempt, start = self._block.record(index).attempts, time.time() - seconds
                self.add_outcome(Outcome(index, attempt, Cause.KILLED, start=start, seconds=seconds))

    def give_up(self) -> None:
        """Prevent further commits of this lease. Other consumers reap the lease after its owner has ended."""
        self.lost = True

    def __str__(self) -> str:
        """Return the names of the job and the tasks, for the log."""
        return f"{self.job.name}, tasks {self._block.lo} to {self._block.hi - 1}"

    def _must_split(self) -> bool:
        """True if the waiting outcomes can create more blocks than one transaction may add (MAX_MOVES)."""
        return not self.lost and len(self.job.shapes) > 1 and len(self._waiting) > MAX_MOVES

    def _write(
        self, outcomes: Sequence[Outcome], *, reserve: int = 0, back: Sequence[int] = (), release: bool = False
    ) -> None:
        while not self._try_write(outcomes, reserve, back, release):
            if not self._block.leased:  # an earlier commit released the block before these tasks ended
                raise self._lose()
        self._doubtful.clear()
        self._waiting = self._waiting[len(outcomes) :]
        recorded = {outcome.index for outcome in outcomes}
        self._begun -= recorded
        self._ended -= recorded

    def _try_write(self, outcomes: Sequence[Outcome], reserve: int, back: Sequence[int], release: bool) -> bool:
        """Try one commit. Return True if it was applied; otherwise read the block and return False.

        Raises LeaseLost if another consumer has the block. Raises QueueUnavailable if the queue does not answer.
        """
        before, now = self._block, self._queue.now()
        ended = [index for index in self._killed if index not in self._begun]
        after, moved = transitions.commit(
            before, self.job, outcomes, now=now, reserve=reserve, give_back=[*back, *ended], release=release
        )
        if self._command is not None:
            command = self._command.describe(self, self._unended(after), now, reserves=reserve > 0)
            after = transitions.note_command(after, command, now=now)
        try:
            self._block = replace(after, version=self._queue.swap(after, moved))
            self._killed = _killed_rows(self._block) if self._killed else self._killed
            return True
        except Conflict:
            applied = self._settle(before)
        except QueueUnavailable:
            self._doubtful.update(self.untouched if release else back)
            applied = self._settle(before)  # raises QueueUnavailable if the queue still does not answer
        # The applied commit can be an earlier, unanswered commit with fewer outcomes.
        return (
            applied
            and all(transitions.shows(self._block, o) for o in outcomes)
            and not (release and self._block.leased)
        )

    def _settle(self, before: Block) -> bool:
        """Read the block. Return True if the commit that was made from the block `before` was applied.

        Raises LeaseLost if another consumer has the block, or if the stored block cannot be read.
        """
        try:
            fresh = self._queue.get_block(before)
        except JobUnreadable as error:
            raise self._lose() from error
        settled = transitions.settle(before, fresh)
        if fresh is None or settled is Settled.LOST:
            raise self._lose()
        self._block, self._killed = fresh, _killed_rows(fresh)
        self._doubtful.clear()
        return settled is Settled.APPLIED

    def _lose(self) -> LeaseLost:
        self.lost = True
        return LeaseLost(
            f"tasks {self._block.lo} to {self._block.hi - 1} of {self.job.name} belong to another consumer"
        )

    def refresh(self, job: Job) -> None:
        """Use the current version of the job, for example its budgets. Ignore a job with a different uid."""
        if job.uid == self.job.uid:
            self.job = job


def _killed_rows(block: Block) -> frozenset[int]:
    """Return the indexes of the tasks of a block that are marked as killed (`TaskRecord.kill`)."""
    return frozenset(index for index, record in block.records.items() if record.kill)


def _internal(index: int, attempt: int, job: Job, message: str, start: float) -> Outcome:
    return Outcome(index, attempt, Cause.INTERNAL, start=start, message=message, revision=job.revision)
