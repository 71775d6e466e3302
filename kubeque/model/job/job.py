"""What a job is to the queue: who it is, what may run, how it stands and how it ended."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from kubeque.model.errors import UserError
from kubeque.model.job.retries import Budgets
from kubeque.model.job.shapes import Shape
from kubeque.model.job.task import Cause
from kubeque.model.text import cut

LEASE_SECONDS = 180.0
HEARTBEAT_SECONDS = 60.0


class JobState(StrEnum):
    """What a job is doing. Whether it has ended is told by its closing, not by this."""

    ACTIVE = "active"
    #: A reset is passing over its blocks; tasks may run meanwhile, but it cannot be closed.
    RESETTING = "resetting"
    KILLED = "killed"
    #: Ended early by its own rule: too many failures, the deadline, or a command that always fails.
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many tasks stand where. `killed` is derived: what had not ended when the job was killed or stopped; so is
    `held`: what is left of a job whose canaries are in sight."""

    pending: int = 0
    running: int = 0
    ok: int = 0
    failed: int = 0
    killed: int = 0
    #: They wait for the word to go on after the canaries.
    held: int = 0

    @property
    def total(self) -> int:
        return self.pending + self.running + self.ok + self.failed + self.killed + self.held

    @property
    def ended(self) -> int:
        return self.ok + self.failed + self.killed

    def to_wire(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ResetRule:
    """Which tasks a reset puts back."""

    #: Failed tasks only, or those that are ok as well.
    everything: bool = False
    #: Only tasks whose last attempt ended by one of these causes; empty: any.
    causes: tuple[str, ...] = ()
    #: Only these tasks, as half-open ranges; empty: any. Tasks named here run again also when they are ok.
    ranges: tuple[tuple[int, int], ...] = ()
    #: The spec changed: what runs now runs the old one and is put back as well.
    break_leases: bool = False
    #: What is held until the canaries have been looked at runs as well.
    go: bool = False

    def checked(self) -> ResetRule:
        """This rule, if there are such causes. Raises UserError."""
        known = [cause.value for cause in Cause if cause is not Cause.OK]
        for name in self.causes:
            if name not in known:
                raise UserError(f"no task ends by {cut(repr(name))}: the causes are {', '.join(known)}")
        return self

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> ResetRule:
        ranges = tuple((low, high) for low, high in wire["ranges"])
        return cls(wire["everything"], tuple(wire["causes"]), ranges, wire["break_leases"], wire.get("go", False))


#: Names no task that has ended: only what is held runs.
GO_ON = ResetRule(ranges=((0, 0),), go=True)


@dataclass(frozen=True, slots=True)
class Closing:
    """How a run of a job ended."""

    success: bool
    counts: Counts
    #: Unix time, seconds.
    at: float


@dataclass(frozen=True, slots=True)
class Job:
    """One submitted sweep, as the queue keeps it: small, and read by everybody every few seconds."""

    name: str
    #: Drawn at random when the job is made. Blocks, pages, spec and results are keyed by it.
    uid: str
    #: Number of tasks.
    n: int
    #: Where spec, pages and results are: `{prefix}/{name}/{uid}`.
    url: str
    #: Consumers wanted.
    consumers: int = 1
    #: So many tasks run first, and the others are held until somebody says go; 0: nothing is held.
    canaries: int = 0
    #: Whom it shares consumers with.
    fleet: str = "local"
    priority: int = 0
    #: Unix time, seconds; jobs of one priority are served in this order.
    created: float = 0.0
    state: JobState = JobState.ACTIVE
    #: Why it is stopped, in words.
    reason: str = ""
    #: Raised by every reset. Nothing of an older run is accepted.
    run: int = 0
    #: Number of the spec in force, from 1; `files/layout.py: spec_url` has its place.
    revision: int = 1
    #: Digest of that spec: tells a repeated submission from a changed one.
    spec_digest: str = ""
    #: The reset under way, for whoever has to finish it.
    reset: ResetRule | None = None
    #: Class below which nothing runs any more, because too many first attempts died of memory.
    floor: int = 0
    shapes: tuple[Shape, ...] = (Shape(),)
    budgets: Budgets = field(default_factory=Budgets)
    #: Ends the job once so many tasks failed; None: never.
    max_failures: int | None = None
    #: Failed tasks that are still a success: a count or, with %, a share of all tasks.
    allow_failed: str = "0"
    #: Unix time at which the job ends, whatever is left; None: never.
    deadline: float | None = None
    #: How far ahead that was set; a reset of the ended job sets it as far ahead again.
    deadline_seconds: float | None = None
    lease_seconds: float = LEASE_SECONDS
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    #: Which attempt of which Airflow task waits for it and may cancel it; empty where nobody took it.
    token: str = ""
    #: Seconds after which a job that was taken stops when nobody looks at it any more; None: never.
    orphan_after: float | None = None
    #: Store clock, seconds: when who waits for it last looked, within a twentieth of `orphan_after`.
    watched: float = 0.0
    #: An Airflow task has returned its result: a later attempt is a person's clear, not a retry.
    delivered: bool = False
    #: The recurring sweep that it is one of; empty: none.
    series: str = ""
    #: Who made it, in the words of whoever submitted it: of an Airflow task its DAG, run and so on.
    origin: Mapping[str, str] = field(default_factory=dict)
    #: Tasks that were linked to results of earlier jobs when it was made.
    linked: int = 0
    #: Seconds after its end at which `kubeque gc` may remove it; None: never.
    results_ttl: float | None = None
    #: Running tasks that somebody looks at, and until when (clock of the queue): their consumers show what they write.
    peeks: tuple[tuple[int, float], ...] = ()
    closing: Closing | None = None

    @property
    def open(self) -> bool:
        """May consumers take its tasks?"""
        return self.closing is None and self.state in (JobState.ACTIVE, JobState.RESETTING)

    def is_overdue(self, now: float) -> bool:
        """Has its deadline passed? `now`: the store's clock."""
        return self.deadline is not None and now > self.deadline

    def is_orphan(self, now: float) -> bool:
        """Did somebody wait for it who has not looked for too long? `now`: the store's clock."""
        return bool(self.token) and self.orphan_after is not None and now > self.watched + self.orphan_after

    def waits_for_go(self, counts: Counts) -> bool:
        """Have its canaries ended, and nothing else will happen until somebody says go?"""
        ended = counts.ok + counts.failed >= self.canaries and not counts.pending + counts.running
        return self.open and self.canaries > 0 and counts.held > 0 and ended

    def standing(self, counts: Counts) -> str:
        """One word for how it stands with these counts."""
        if self.closing is not None:
            return "success" if self.closing.success else "failed" if self.state is JobState.ACTIVE else str(self.state)
        if self.waits_for_go(counts):
            return "held"
        return str(self.state) if not self.open else "running" if counts.ended or counts.running else "waiting"

    def closed(self, counts: Counts, at: float) -> Job:
        return replace(self, closing=Closing(self.succeeds(counts), counts, at))

    def succeeds(self, counts: Counts) -> bool:
        """Do these final counts make the job a success?"""
        return self.state is JobState.ACTIVE and counts.failed + counts.killed <= self.allowed_failures

    @property
    def allowed_failures(self) -> int:
        if self.allow_failed.endswith("%"):
            return int(self.n * float(self.allow_failed[:-1]) / 100)
        return int(self.allow_failed)

    def to_wire(self) -> dict[str, Any]:
        return {**asdict(self), "budgets": self.budgets.to_wire()}

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Job:
        """Unknown keys are left out, so that an older consumer reads a newer job."""
        fields = {key: value for key, value in wire.items() if key in cls.__dataclass_fields__}
        closing = wire.get("closing")
        fields |= {
            "state": JobState(wire["state"]),
            "shapes": tuple(Shape(**shape) for shape in wire["shapes"]),
            "budgets": Budgets.from_wire(wire["budgets"]),
            "reset": ResetRule.from_wire(wire["reset"]) if wire.get("reset") else None,
            "peeks": tuple((index, until) for index, until in wire.get("peeks", ())),
            "closing": Closing(closing["success"], Counts(**closing["counts"]), closing["at"]) if closing else None,
        }
        return cls(**fields)


def new_uid() -> str:
    """A job uid: 12 characters that no other job has (60 bits)."""
    alphabet = "abcdefghijkmnpqrstuvwxyz23456789"
    return "".join(secrets.choice(alphabet) for _ in range(12))
