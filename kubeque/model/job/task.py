"""Tasks: their states, how their attempts ended, and what the accepted attempt left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import Any

from kubeque.model.text import cut

#: Number of attempts of a task that the queue keeps; it forgets older ones, but not how many there were.
KEPT_ATTEMPTS = 8


class State(IntEnum):
    """State of a task inside its block. Exactly one block holds the task in a state other than MOVED."""

    PENDING = 0
    RESERVED = 1
    OK = 2
    FAILED = 3
    MOVED = 4
    #: Any state that only a newer kubeque knows. Blocks keep its own byte; nothing here hands such a task out.
    UNKNOWN = 255

    @classmethod
    def _missing_(cls, value: object) -> State | None:
        return cls.UNKNOWN if isinstance(value, int) and 0 <= value < cls.UNKNOWN else None


class TaskState(StrEnum):
    """State of a task as people see it."""

    HELD = "held"
    PENDING = "pending"
    RUNNING = "running"
    OK = "ok"
    FAILED = "failed"
    KILLED = "killed"
    #: A state that only a newer kubeque knows.
    UNKNOWN = "unknown"

    @property
    def has_outcome(self) -> bool:
        """True if the outcome of the task says how it ended."""
        return self in (TaskState.OK, TaskState.FAILED)


class Cause(StrEnum):
    """Why an attempt ended."""

    OK = "ok"
    EXIT = "exit"
    SIGNAL = "signal"
    OOM = "oom"
    DISK = "disk"
    TIMEOUT = "timeout"
    PREEMPTED = "preempted"
    LOST = "lost"
    STAGE = "stage"
    STORE = "store"
    KILLED = "killed"
    #: Any cause that only a newer kubeque knows. The record keeps its own name as `foreign_cause`.
    UNKNOWN = "unknown"


#: The causes by which a task can fail.
FAILURE_CAUSES = tuple(cause for cause in Cause if cause not in (Cause.OK, Cause.UNKNOWN))
_CAUSES: dict[str, Cause] = {cause.value: cause for cause in Cause}


def _read_cause(name: str) -> tuple[Cause, str]:
    """Return a stored cause, and its name if only a newer kubeque knows it."""
    cause = _CAUSES.get(name)
    return (Cause.UNKNOWN, name) if cause is None else (cause, "")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a task, as the queue remembers it."""

    #: Counts from 1 and never goes back, not even after a reset.
    number: int
    cause: Cause
    #: Exit code, or the signal's number for `signal`; None where there was none.
    code: int | None
    #: Which consumer ran it.
    owner: str
    #: Unix time, seconds.
    start: float
    #: How long the command ran, seconds.
    seconds: float
    #: How long its inputs took to be brought before it, and its results to be stored after it, seconds.
    staging: float = 0.0
    saving: float = 0.0
    #: The stored name of a cause that is UNKNOWN here.
    foreign_cause: str = ""
    #: Stored items behind the known ones.
    extra: tuple[Any, ...] = ()

    def to_wire(self) -> list[Any]:
        return [
            self.number, self.foreign_cause or self.cause.value, self.code, self.owner, round(self.start, 3),
            round(self.seconds, 4), round(self.staging, 3), round(self.saving, 3), *self.extra,
        ]  # fmt: skip

    @classmethod
    def from_wire(cls, wire: Sequence[Any]) -> Attempt:
        number, name, *rest = wire
        cause, foreign = _read_cause(name)
        attempt = cls(number, cause, *rest[:_ATTEMPT_ITEMS])
        extra = rest[_ATTEMPT_ITEMS:]
        return replace(attempt, foreign_cause=foreign, extra=tuple(extra)) if foreign or extra else attempt


#: Items of a stored attempt and of a stored outcome behind number and cause.
_ATTEMPT_ITEMS, _OUTCOME_ITEMS = 6, 14


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a consumer reports of one attempt: the queue's copy, small; result.json has the whole."""

    #: The task.
    index: int
    #: Which attempt this was.
    attempt: int
    cause: Cause
    #: Exit code, or the signal's number for `signal`.
    code: int | None = None
    #: Unix time, seconds.
    start: float = 0.0
    seconds: float = 0.0
    #: Name of the attempt's folder below `tasks/{index}/`; empty where nothing was stored.
    folder: str = ""
    #: Bytes over the whole process tree; 0 where it was never seen.
    peak_memory: int = 0
    #: How many files were kept, and their bytes.
    files: int = 0
    size: int = 0
    #: What the task wrote to $KUBEQUE_OUT; empty where it is in result.json only, None where there is nothing.
    out: Mapping[str, Any] | None = None
    #: One line for people.
    message: str = ""
    #: The revision of the job's spec that the row ran under.
    revision: int = 0
    #: Linked, not run: the folder of the task of an earlier job that ran it; empty for the job's own.
    linked: str = ""
    #: How long its inputs took to be brought, and its results to be stored, seconds.
    staging: float = 0.0
    saving: float = 0.0
    #: Another attempt would fail in the same way, so there is none, whatever the budget.
    final: bool = False
    #: The stored name of a cause that is UNKNOWN here.
    foreign_cause: str = ""
    #: Stored items behind the known ones.
    extra: tuple[Any, ...] = ()

    def to_wire(self) -> list[Any]:
        return [
            self.attempt, self.foreign_cause or self.cause.value, self.code, round(self.start, 3),
            round(self.seconds, 4), self.folder, self.peak_memory, self.files, self.size, self.out, self.message,
            self.revision, self.linked, round(self.staging, 3), round(self.saving, 3),
            *([self.final] if self.final or self.extra else []), *self.extra,
        ]  # fmt: skip

    @classmethod
    def from_wire(cls, index: int, wire: Sequence[Any]) -> Outcome:
        attempt, name, *rest = wire
        cause, foreign = _read_cause(name)
        outcome = cls(index, attempt, cause, *rest[:_OUTCOME_ITEMS])
        extra = rest[_OUTCOME_ITEMS:]
        return replace(outcome, foreign_cause=foreign, extra=tuple(extra)) if foreign or extra else outcome


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """What a block keeps of one task besides its state."""

    #: Attempts begun so far. Only ever grows.
    attempts: int = 0
    #: Failures since the last reset by the stored name of their cause: what the budgets are spent on.
    charges: Mapping[str, int] = field(default_factory=dict)
    #: The last attempts, oldest first, at most KEPT_ATTEMPTS.
    history: tuple[Attempt, ...] = ()
    #: The last outcome that was accepted; for state OK the one that counts.
    outcome: Outcome | None = None
    #: Its consumer vanished while it was reserved: it runs alone until one attempt ends.
    suspect: bool = False
    #: Stored items behind the known ones.
    extra: tuple[Any, ...] = ()

    def ended(self, outcome: Outcome, owner: str) -> TaskRecord:
        """Return the record after `outcome`: remembered, and charged unless it was ok."""
        attempt = Attempt(
            outcome.attempt, outcome.cause, outcome.code, owner, outcome.start, outcome.seconds, outcome.staging,
            outcome.saving,
        )  # fmt: skip
        charges = self.charges
        if outcome.cause is not Cause.OK:
            charges = {**charges, outcome.cause: charges.get(outcome.cause, 0) + 1}
        history = (*self.history, attempt)[-KEPT_ATTEMPTS:]
        outcome = replace(outcome, message=cut(outcome.message))
        return replace(self, charges=charges, history=history, outcome=outcome, suspect=False)

    def to_wire(self) -> list[Any]:
        return [
            self.attempts,
            dict(self.charges),
            [attempt.to_wire() for attempt in self.history],
            self.outcome.to_wire() if self.outcome else None,
            int(self.suspect),
            *self.extra,
        ]

    @classmethod
    def from_wire(cls, index: int, wire: Sequence[Any]) -> TaskRecord:
        attempts, charges, history, outcome, suspect, *extra = wire
        return cls(
            attempts,
            charges,
            tuple(Attempt.from_wire(attempt) for attempt in history),
            Outcome.from_wire(index, outcome) if outcome else None,
            bool(suspect),
            tuple(extra),
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """Number of tasks of a block in each state; tasks that moved out are counted in the block that has them now."""

    ok: int = 0
    failed: int = 0
    running: int = 0
    pending: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.ok + other.ok, self.failed + other.failed, self.running + other.running, self.pending + other.pending
        )


@dataclass(frozen=True, slots=True)
class Death:
    """How a consumer died."""

    cause: Cause = Cause.LOST
    #: The task its command was running, where its journal tells.
    running: int | None = None
    message: str = "its consumer vanished"


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as people see it: what `status --tasks` and results.csv list."""

    index: int
    state: TaskState
    #: Index into the job's shapes.
    size_class: int
    record: TaskRecord
    #: The consumer that runs it; empty unless it is running.
    owner: str = ""
