"""Tasks: their states, their attempts, and their accepted outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from enum import IntEnum, StrEnum
from types import NoneType
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.compatibility.stored_types import check_items, is_whole
from kubeque.model.job.causes import Cause, read_cause
from kubeque.model.text import MESSAGE_CHARACTERS, cut, keep_last_line

#: Maximum number of attempts of a task that the queue stores, which limits the size of a block. Older attempts are only
#: counted.
KEPT_ATTEMPTS = 8


class State(IntEnum):
    """State of a task in a block.

    If a task has moved, its state in the old block is MOVED. One other block contains the real state.
    """

    PENDING = 0
    RESERVED = 1
    OK = 2
    FAILED = 3
    MOVED = 4
    #: Any state that only a newer kubeque knows. A block keeps the stored byte. This kubeque does not run the task.
    UNKNOWN = 255

    @classmethod
    def _missing_(cls, value: object) -> State | None:
        return cls.UNKNOWN if isinstance(value, int) and 0 <= value < cls.UNKNOWN else None


class TaskState(StrEnum):
    """State of a task as users see it."""

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
        """True if an attempt ended the task, so that its outcome contains the cause."""
        return self in (TaskState.OK, TaskState.FAILED)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a task, as the queue stores it."""

    #: Number of the attempt, from 1. It never decreases, not even after a reset.
    number: int
    cause: Cause
    #: Exit code, or the signal's number for `signal`; None if the attempt has neither.
    code: int | None
    #: Name of the consumer that ran the attempt.
    owner: str
    #: Unix time of the start, seconds.
    start: float
    #: Seconds for which the command ran.
    seconds: float
    #: Duration of the download of the inputs before the command, and of the upload of the results after it, in seconds.
    staging: float = 0.0
    saving: float = 0.0
    #: Stored name of a cause that is UNKNOWN in this version.
    foreign_cause: str = ""
    #: Stored items that only a newer kubeque knows.
    extra: tuple[Any, ...] = ()

    def to_wire(self) -> list[Any]:
        return [
            self.number, self.foreign_cause or self.cause.value, self.code, self.owner, round(self.start, 3),
            round(self.seconds, 4), round(self.staging, 3), round(self.saving, 3), *self.extra,
        ]  # fmt: skip

    @classmethod
    def from_wire(cls, wire: Sequence[Any]) -> Attempt:
        check_items("an attempt", wire, _ATTEMPT)
        number, name, *rest = wire
        cause, foreign = read_cause(name)
        attempt = cls(number, cause, *rest[:_ATTEMPT_ITEMS])
        extra = rest[_ATTEMPT_ITEMS:]
        return replace(attempt, foreign_cause=foreign, extra=tuple(extra)) if foreign or extra else attempt


#: Number of known items after the first two (number and cause), in a stored attempt and in a stored outcome.
_ATTEMPT_ITEMS, _OUTCOME_ITEMS = 6, 15
_NUMBER, _CODE = (int, float), (int, NoneType)
#: Types of the items of a stored attempt, a stored outcome and a stored record.
_ATTEMPT = (int, str, _CODE, str, *[_NUMBER] * 4)
_OUTCOME = (
    int, str, _CODE, _NUMBER, _NUMBER, str, int, int, int, (dict, NoneType), str, int, str, _NUMBER, _NUMBER, bool,
    dict,
)  # fmt: skip
_RECORD = (int, dict, list, (list, NoneType), int, int, str)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Record of one attempt, as a consumer reports it to the queue. The file result.json contains more facts."""

    #: Index of the task.
    index: int
    #: Number of the attempt.
    attempt: int
    cause: Cause
    #: Exit code, or the signal's number for `signal`; None if the attempt has neither.
    code: int | None = None
    #: Unix time of the start, seconds.
    start: float = 0.0
    #: Seconds for which the command ran.
    seconds: float = 0.0
    #: Name of the attempt's folder below `tasks/{index}/`; empty if nothing was stored.
    folder: str = ""
    #: Peak memory of the task's processes together, in bytes; 0 if it was not measured.
    peak_memory: int = 0
    #: Number of kept files, and their total size in bytes.
    files: int = 0
    size: int = 0
    #: Values that the task wrote to $KUBEQUE_OUT. Empty if only result.json contains them; None if the task wrote none.
    out: Mapping[str, Any] | None = None
    #: One line for users.
    message: str = ""
    #: Revision of the spec with which the task ran.
    revision: int = 0
    #: For a linked task, the folder of its result in the earlier job; empty if the task ran in this job.
    linked: str = ""
    #: Seconds to download the inputs, and seconds to upload the results.
    staging: float = 0.0
    saving: float = 0.0
    #: True if a further attempt would fail in the same way. The task then does not run again, even within its budget.
    final: bool = False
    #: The short values of $KUBEQUE_OUT, if only result.json contains all of them (see `out`).
    short_out: Mapping[str, Any] = field(default_factory=dict)
    #: Stored name of a cause that is UNKNOWN in this version.
    foreign_cause: str = ""
    #: Stored items that only a newer kubeque knows.
    extra: tuple[Any, ...] = ()

    @property
    def shown_out(self) -> Mapping[str, Any]:
        """The $KUBEQUE_OUT values that the queue contains: all values, or only the short ones."""
        return self.out or self.short_out

    def to_wire(self) -> list[Any]:
        return [
            self.attempt, self.foreign_cause or self.cause.value, self.code, round(self.start, 3),
            round(self.seconds, 4), self.folder, self.peak_memory, self.files, self.size, self.out, self.message,
            self.revision, self.linked, round(self.staging, 3), round(self.saving, 3),
            *self._optional(), *self.extra,
        ]  # fmt: skip

    def _optional(self) -> list[Any]:
        """Return the items that earlier versions do not have, up to the last item that differs from its default.

        If `extra` has items, all items are returned.
        """
        items: list[Any] = [self.final, dict(self.short_out)]
        while items and not items[-1] and not self.extra:
            items.pop()
        return items

    @classmethod
    def from_wire(cls, index: int, wire: Sequence[Any]) -> Outcome:
        check_items("an outcome", wire, _OUTCOME)
        attempt, name, *rest = wire
        cause, foreign = read_cause(name)
        outcome = cls(index, attempt, cause, *rest[:_OUTCOME_ITEMS])
        extra = rest[_OUTCOME_ITEMS:]
        return replace(outcome, foreign_cause=foreign, extra=tuple(extra)) if foreign or extra else outcome


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """Record of one task in a block, in addition to the task's state."""

    #: Number of the last attempt. It never decreases, not even after a reset.
    attempts: int = 0
    #: Number of failures since the last reset, by the stored name of the cause. Budgets limit these numbers.
    charges: Mapping[str, int] = field(default_factory=dict)
    #: The last attempts, oldest first, at most KEPT_ATTEMPTS.
    history: tuple[Attempt, ...] = ()
    #: The last accepted outcome. In the state OK, it is the result of the task.
    outcome: Outcome | None = None
    #: True if the task is a suspect, because a consumer vanished while the task was reserved. The task then runs
    #: without other reserved tasks until one attempt has ended.
    suspect: bool = False
    #: True if a node evicted an earlier attempt in this size class because of its disk use, and `disk` was charged for
    #: it.
    evicted: bool = False
    #: Reason that a user gave for a kill of the row while the task was reserved; empty if no kill is unfinished. The
    #: task does not run again. Its owner ends the running attempt.
    kill: str = ""
    #: Stored items that only a newer kubeque knows.
    extra: tuple[Any, ...] = ()

    @property
    def is_killed(self) -> bool:
        """True if the task ended because its row was killed."""
        return self.outcome is not None and self.outcome.cause is Cause.KILLED

    def as_killed(self, index: int, at: float, message: str, revision: int) -> TaskRecord:
        """Return the record of a task whose row was killed at the Unix time `at`, while the task was not running.

        No attempt is added, and no budget is charged. `index`: index of the task. `message`: message for users.
        `revision`: revision of the spec.
        """
        outcome = Outcome(index, self.attempts, Cause.KILLED, start=at, message=message, revision=revision)
        return replace(self, outcome=outcome, suspect=False, kill="")

    def with_outcome(self, outcome: Outcome, owner: str) -> TaskRecord:
        """Return the record with `outcome` added. `owner`: name of the consumer that ran the attempt.

        A failure is also added to `charges`. An outcome with the cause `killed` is not a failure.
        """
        attempt = Attempt(
            outcome.attempt, outcome.cause, outcome.code, owner, outcome.start, outcome.seconds, outcome.staging,
            outcome.saving,
        )  # fmt: skip
        charges = self.charges
        if outcome.cause not in (Cause.OK, Cause.KILLED):
            charges = {**charges, outcome.cause: charges.get(outcome.cause, 0) + 1}
        history = (*self.history, attempt)[-KEPT_ATTEMPTS:]
        outcome = replace(outcome, message=cut(keep_last_line(outcome.message, MESSAGE_CHARACTERS)))
        return replace(self, charges=charges, history=history, outcome=outcome, suspect=False, kill="")

    def as_evicted(self, messages: Mapping[str, str], *, charge: bool) -> TaskRecord:
        """Return the record with the cause `disk` instead of `preempted` for attempts of evicted consumers.

        `messages`: the node's message for each evicted consumer, keyed by the consumer's name. `charge`: True to add
        one to the charges of `disk`.
        """
        history = tuple(
            replace(attempt, cause=Cause.DISK)
            if attempt.cause is Cause.PREEMPTED and attempt.owner in messages
            else attempt
            for attempt in self.history
        )
        changed = {new.number: new.owner for new, old in zip(history, self.history, strict=True) if new != old}
        charges = {**self.charges, Cause.PREEMPTED: self.charges.get(Cause.PREEMPTED, 0) - len(changed)}
        charges[Cause.DISK] = charges.get(Cause.DISK, 0) + charge
        charges = {cause: count for cause, count in charges.items() if count > 0}
        outcome = self.outcome
        if outcome is not None and outcome.cause is Cause.PREEMPTED and outcome.attempt in changed:
            outcome = replace(outcome, cause=Cause.DISK, message=cut(messages[changed[outcome.attempt]]))
        return replace(self, charges=charges, history=history, outcome=outcome)

    def to_wire(self) -> list[Any]:
        return [
            self.attempts,
            dict(self.charges),
            [attempt.to_wire() for attempt in self.history],
            self.outcome.to_wire() if self.outcome else None,
            int(self.suspect),
            *self._optional(),
            *self.extra,
        ]

    def _optional(self) -> list[Any]:
        """Return the items that earlier versions do not have, up to the last item that differs from its default.

        If `extra` has items, all items are returned.
        """
        if self.kill or self.extra:
            return [int(self.evicted), self.kill]
        return [int(self.evicted)] if self.evicted else []

    @classmethod
    def from_wire(cls, index: int, wire: Sequence[Any]) -> TaskRecord:
        check_items("the record", wire, _RECORD)
        attempts, charges, history, outcome, suspect, *rest = wire
        if not all(map(is_whole, charges.values())):
            raise TypeError(f"the charges are {cut(repr(charges), 60)}")
        return cls(
            attempts,
            charges,
            tuple(Attempt.from_wire(attempt) for attempt in history),
            Outcome.from_wire(index, outcome) if outcome else None,
            bool(suspect),
            bool(rest and rest[0]),
            rest[1] if len(rest) > 1 else "",
            tuple(rest[2:]),
        )


@dataclass(frozen=True, slots=True)
class Running:
    """Times of a running command, in Unix seconds on the clock of the queue."""

    #: Start of the command.
    since: float
    #: Time of the last commit in which the consumer recorded that the command runs.
    noted: float


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task in the form that users see, in `status --tasks` and results.csv."""

    index: int
    state: TaskState
    #: Index into the job's shapes.
    size_class: int
    record: TaskRecord
    #: Name of the consumer that runs the task or has reserved it; empty if there is none.
    owner: str = ""
    #: Times of the running command. None if no command runs, or if the consumer's version does not report them.
    running: Running | None = None

    @property
    def is_row_killed(self) -> bool:
        """True if the task's own row was killed. False if the whole job was killed."""
        return self.state is TaskState.KILLED and self.record.is_killed

    @property
    def is_being_killed(self) -> bool:
        """True if the task's own row was killed and its consumer has not ended the attempt yet."""
        return bool(self.record.kill) and self.state in (TaskState.PENDING, TaskState.RUNNING)
