"""Shapes: the memory and disk of a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.compatibility.unknown_entries import read_fields, write_fields


@dataclass(frozen=True, slots=True)
class Shape:
    """The memory and the disk that one task may use. None: the sweep requests no amount, and no limit is enforced."""

    #: Memory in bytes.
    memory: int | None = None
    #: Disk in bytes.
    disk: int | None = None
    #: Stored entries that only a newer kubeque knows.
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def to_wire(self) -> dict[str, Any]:
        return write_fields(self)

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Shape:
        return cls(**read_fields(cls, wire))
