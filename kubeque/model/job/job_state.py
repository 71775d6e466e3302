"""The state of a job, and the end of one of its runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.compatibility.unknown_entries import read_fields, write_fields
from kubeque.model.job.counts import Counts


class JobState(StrEnum):
    """State of a job. Whether the job has ended is shown by `Job.closing`, not by this state."""

    ACTIVE = "active"
    #: A reset is changing the blocks of the job. Its tasks can run, but the job cannot be closed.
    RESETTING = "resetting"
    KILLED = "killed"
    #: Ended early by a rule: too many failures, the deadline, a command that always fails, or too long without a poll.
    STOPPED = "stopped"
    #: Any state that only a newer kubeque knows. The record keeps the stored name. The job is neither open nor closed.
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> JobState | None:
        return cls.UNKNOWN if isinstance(value, str) else None


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
