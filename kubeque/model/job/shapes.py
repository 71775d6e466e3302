"""Shapes: the memory and disk that a task is given."""

from __future__ import annotations

from dataclasses import dataclass

from kubeque.model.job.task import Cause


@dataclass(frozen=True, slots=True)
class Shape:
    """What one task may use. None: nothing was asked, nothing is enforced."""

    #: Bytes.
    memory: int | None = None
    #: Bytes.
    disk: int | None = None


def grow_shapes(first: Shape, max_memory: int | None) -> tuple[Shape, ...]:
    """All shapes that a task can come to, the first one first.

    Memory doubles up to `max_memory`, disk doubles once. A class of the queue is an index into this tuple.
    """
    memories: list[int | None] = [first.memory]
    while first.memory and max_memory and (last := memories[-1] or 0) < max_memory:
        memories.append(min(2 * last, max_memory))
    disks = [first.disk, 2 * first.disk] if first.disk else [first.disk]
    return tuple(Shape(memory, disk) for disk in disks for memory in memories)


def grown(shapes: tuple[Shape, ...], current: int, cause: Cause) -> int | None:
    """The class a task moves to from class `current` after `cause`; None where nothing larger is there."""
    now = shapes[current]
    for index, shape in enumerate(shapes):
        if cause is Cause.OOM and shape.disk == now.disk and (shape.memory or 0) > (now.memory or 0):
            return index
        if cause is Cause.DISK and shape.memory == now.memory and (shape.disk or 0) > (now.disk or 0):
            return index
    return None


def lifted(shapes: tuple[Shape, ...], current: int, floor: int) -> int:
    """The class that a task of class `current` runs in when nothing below class `floor` runs any more."""
    own, least = shapes[current], shapes[floor]
    wanted = Shape(
        max(own.memory or 0, least.memory or 0) or None,
        max(own.disk or 0, least.disk or 0) or None,
    )
    return shapes.index(wanted)
