"""What a task is: its state, how its attempts ended, and what the accepted one left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import Any

from kubeque.model.text import cut

#: So many attempts of a task are kept; older ones are forgotten (their number is not).
KEPT_ATTEMPTS = 8


class State(IntEnum):
    """Where a task stands inside its block. Exactly one block holds it in a state other than MOVED."""

    PENDING = 0
    RESERVED = 1
    OK = 2
    FAILED = 3
    MOVED = 4


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

    def to_wire(self) -> list[Any]:
        return [
            self.number, self.cause.value, self.code, self.owner, round(self.start, 3), round(self.seconds, 4),
            round(self.staging, 3), round(self.saving, 3),
        ]  # fmt: skip

    @classmethod
    def from_wire(cls, wire: Sequence[Any]) -> Attempt:
        number, cause, *rest = wire
        return cls(number, Cause(cause), *rest)


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

    def to_wire(self) -> list[Any]:
        return [
            self.attempt, self.cause.value, self.code, round(self.start, 3), round(self.seconds, 4), self.folder,
            self.peak_memory, self.files, self.size, self.out, self.message, self.revision, self.linked,
            round(self.staging, 3), round(self.saving, 3), *([True] if self.final else []),
        ]  # fmt: skip

    @classmethod
    def from_wire(cls, index: int, wire: Sequence[Any]) -> Outcome:
        attempt, cause, *rest = wire
        return cls(index, attempt, Cause(cause), *rest)


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """All that a block keeps of one task besides its state."""

    #: Attempts begun so far. Only ever grows.
    attempts: int = 0
    #: Failures by cause since the last reset: what the budgets are spent on.
    charges: Mapping[Cause, int] = field(default_factory=dict)
    #: The last attempts, oldest first, at most KEPT_ATTEMPTS.
    history: tuple[Attempt, ...] = ()
    #: The last outcome that was accepted; for state OK the one that counts.
    outcome: Outcome | None = None
    #: Its consumer vanished while it was reserved: it runs alone until one attempt ends.
    suspect: bool = False

    def ended(self, outcome: Outcome, owner: str) -> TaskRecord:
        """The record after `outcome`: remembered, and charged unless it was ok."""
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
            {cause.value: n for cause, n in self.charges.items()},
            [attempt.to_wire() for attempt in self.history],
            self.outcome.to_wire() if self.outcome else None,
            int(self.suspect),
        ]

    @classmethod
    def from_wire(cls, index: int, wire: Sequence[Any]) -> TaskRecord:
        attempts, charges, history, outcome, suspect = wire
        return cls(
            attempts,
            {Cause(cause): n for cause, n in charges.items()},
            tuple(Attempt.from_wire(attempt) for attempt in history),
            Outcome.from_wire(index, outcome) if outcome else None,
            bool(suspect),
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """How many tasks of a block stand where; tasks that moved out are counted where they are."""

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
    """What is known of a consumer's end."""

    cause: Cause = Cause.LOST
    #: The task its command was running, where its journal tells.
    running: int | None = None
    message: str = "its consumer vanished"


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as people see it: what `status --tasks` and results.csv list."""

    index: int
    #: "held", "pending", "running", "ok", "failed" or "killed".
    state: str
    #: Index into the job's shapes.
    size_class: int
    record: TaskRecord
    #: Who holds it now; empty where nobody does.
    owner: str = ""
