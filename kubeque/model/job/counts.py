"""Numbers of tasks of a job, or of a block, in each state, and the end of a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.compatibility.unknown_entries import read_fields, write_fields


@dataclass(frozen=True, slots=True)
class Counts:
    """Number of tasks of a job in each state.

    `killed` is the number of killed rows. If the job was killed or stopped, it also includes the tasks that had not
    ended.
    """

    pending: int = 0
    running: int = 0
    ok: int = 0
    failed: int = 0
    killed: int = 0
    #: Number of held tasks, which wait until the canaries have ended and a user runs `kubeque go`.
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
class Closing:
    """The end of a run of a job, which is recorded when the job is closed."""

    success: bool
    counts: Counts
    #: Unix time, seconds.
    at: float
    #: Stored entries that only a newer kubeque knows. Such entries of the counts are under the key "counts".
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def to_wire(self) -> dict[str, Any]:
        return {**write_fields(self), "counts": {**self.extra.get("counts", {}), **self.counts.to_wire()}}

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Closing:
        fields = read_fields(cls, wire)
        counts = read_fields(Counts, wire["counts"])
        if foreign := counts.pop("extra", None):
            fields["extra"] = {**fields.get("extra", {}), "counts": foreign}
        return cls(**{**fields, "counts": Counts(**counts)})


@dataclass(frozen=True, slots=True)
class Tally:
    """Number of tasks of a block in each state. A task that moved to another block is counted only there.

    A consumer's reserved task whose command does not run yet counts as pending.
    """

    ok: int = 0
    failed: int = 0
    running: int = 0
    pending: int = 0
    #: Number of rows that a user killed.
    killed: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.ok + other.ok,
            self.failed + other.failed,
            self.running + other.running,
            self.pending + other.pending,
            self.killed + other.killed,
        )
