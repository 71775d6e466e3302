"""Shapes: the memory and disk of a task, and their growth after a lack of memory or disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.compatibility.unknown_entries import read_fields, write_fields
from kubeque.model.job.causes import Cause


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


def grow_shapes(first: Shape, max_memory: int | None) -> tuple[Shape, ...]:
    """Return the shapes that a task can have, `first` and all larger ones. A size class is an index into this tuple.

    Memory doubles until it is `max_memory`. Disk doubles once.
    """
    memories: list[int | None] = [first.memory]
    while first.memory and max_memory and (last := memories[-1] or 0) < max_memory:
        memories.append(min(2 * last, max_memory))
    disks = [first.disk, 2 * first.disk] if first.disk else [first.disk]
    return tuple(Shape(memory, disk) for disk in disks for memory in memories)


def larger_class(shapes: tuple[Shape, ...], current: int, cause: Cause) -> int | None:
    """Return the size class in which a task runs again after `cause`; None if no shape is larger.

    `current`: present size class of the task. After `oom`, memory is larger and disk is equal. After `disk`, disk is
    larger and memory is equal.
    """
    now = shapes[current]
    for index, shape in enumerate(shapes):
        if cause is Cause.OOM and shape.disk == now.disk and (shape.memory or 0) > (now.memory or 0):
            return index
        if cause is Cause.DISK and shape.memory == now.memory and (shape.disk or 0) > (now.disk or 0):
            return index
    return None


def lift_class(shapes: tuple[Shape, ...], current: int, floor: int) -> int:
    """Return the size class with the larger memory and the larger disk of the size classes `current` and `floor`."""
    own, least = shapes[current], shapes[floor]
    wanted = Shape(
        max(own.memory or 0, least.memory or 0) or None,
        max(own.disk or 0, least.disk or 0) or None,
    )
    return shapes.index(wanted)
