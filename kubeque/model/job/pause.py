"""Parts of a job's record: its pause, and its objects in a cluster. If such an object is deleted, the job is paused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.compatibility.unknown_entries import read_fields, write_fields
from kubeque.model.compatibility.versions import BASE_NEEDS


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause of a job. Running tasks finish, and no other task starts."""

    #: Start of the pause by the clock of the queue, Unix seconds.
    at: float
    #: Lowest version of kubeque that may work on the job when the pause has ended.
    needs_after: str = BASE_NEEDS
    #: Reason why kubeque paused the job; empty if a user paused it.
    reason: str = ""
    #: Stored entries that only a newer kubeque knows.
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def to_wire(self) -> dict[str, Any]:
        return write_fields(self)

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Pause:
        return cls(**read_fields(cls, wire))


@dataclass(frozen=True, slots=True)
class ClusterObjects:
    """The unfinished objects of a job in a cluster, as a program of kubeque last observed them."""

    #: Identity of the place that contains the objects, for example of a namespace; empty if unknown.
    place: str
    #: Names of the objects, sorted.
    names: tuple[str, ...]
    #: Time of the observation by the clock of the queue, Unix seconds.
    at: float
    #: Stored entries that only a newer kubeque knows.
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def to_wire(self) -> dict[str, Any]:
        return write_fields(self)

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> ClusterObjects:
        return cls(**{**read_fields(cls, wire), "names": tuple(wire["names"])})
