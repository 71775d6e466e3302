"""The CPU, memory and GPU use of one attempt over time, as result.json stores it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from kubeque.lazy_dataclass import dataclass

#: Number of points of one attempt at which every two adjacent points are merged into one.
MAX_POINTS = 200
#: Limit of each number of a point. Floats represent all integers below it exactly.
_LARGEST = float(1 << 53)
_BLOCKS = "▁▂▃▄▅▆▇█"


class Point(NamedTuple):
    """The CPU, memory and GPU use of an attempt in one interval of time."""

    #: End of the interval, seconds since the start of the command.
    seconds: float
    #: Mean number of cores in use.
    cpu: float
    #: Largest memory in use, bytes.
    memory: int
    #: Number of GPUs in use; None if the number was not measured.
    gpu: float | None = None
    #: GPU memory in use, bytes; None if the memory was not measured.
    gpu_memory: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """The CPU, memory and GPU use of an attempt over time."""

    #: One point for each interval, the earliest first. The first and the last interval can be shorter than the others.
    points: tuple[Point, ...] = ()

    def add(self, point: Point) -> Usage:
        """Return a copy with one more point. If the copy would have MAX_POINTS, merge each pair of points into one."""
        points = (*self.points, point)
        if len(points) < MAX_POINTS:
            return Usage(points)
        starts = (0.0, *(each.seconds for each in points))
        return Usage(tuple(_merge(starts[at], *points[at : at + 2]) for at in range(0, len(points), 2)))

    def with_gpu(self, gpu: float, gpu_memory: int) -> Usage:
        """Return a copy in which the last point has this GPU use. `gpu`: GPUs in use. `gpu_memory`: bytes."""
        return Usage((*self.points[:-1], self.points[-1]._replace(gpu=gpu, gpu_memory=gpu_memory)))

    @property
    def mean_cpu(self) -> float:
        """Mean number of cores in use; 0 without points."""
        return self._mean(lambda point: point.cpu) or 0.0

    @property
    def mean_memory(self) -> int:
        """Mean memory in use, bytes; 0 without points."""
        return int(self._mean(lambda point: point.memory) or 0)

    @property
    def mean_gpu(self) -> float | None:
        """Mean number of GPUs in use; None if the number was not measured."""
        return self._mean(lambda point: point.gpu)

    def _mean(self, value: Callable[[Point], float | None]) -> float | None:
        """Return the mean over time of one value of each point. Leave out points for which `value` returns None.

        Return None if no point has the value.
        """
        starts = (0.0, *(point.seconds for point in self.points))
        found = [
            (number, point.seconds - start)
            for point, start in zip(self.points, starts, strict=False)
            if (number := value(point)) is not None
        ]
        total = sum(seconds for _, seconds in found)
        return sum(number * seconds for number, seconds in found) / total if total > 0 else None

    def to_wire(self) -> dict[str, list[Any]]:
        """Return the JSON form: a dict with one list for each kind of value. Leave out kinds that were not measured."""
        columns: dict[str, list[Any]] = {
            "seconds": [round(point.seconds, 1) for point in self.points],
            "cpu": [round(point.cpu, 2) for point in self.points],
            "memory": [point.memory for point in self.points],
            "gpu": [None if point.gpu is None else round(point.gpu, 2) for point in self.points],
            "gpu_memory": [point.gpu_memory for point in self.points],
        }
        return {name: values for name, values in columns.items() if any(value is not None for value in values)}


def read_usage(wire: object) -> Usage | None:
    """Return the usage that `to_wire` has turned into `wire`; None if `wire` cannot come from `to_wire`."""
    if not isinstance(wire, dict):
        return None
    columns = [wire.get(name) for name in ("seconds", "cpu", "memory")]
    count = len(columns[0]) if isinstance(columns[0], list) else 0
    columns += [wire.get(name, [None] * count) for name in ("gpu", "gpu_memory")]
    if not 0 < count <= MAX_POINTS or any(not isinstance(each, list) or len(each) != count for each in columns):
        return None
    points = tuple(Point(*values) for values in zip(*columns, strict=True))
    rises = _are_valid(points) and all(before.seconds < after.seconds for before, after in pairwise(points))
    return Usage(points) if rises else None


def _are_valid(points: Iterable[Point]) -> bool:
    return all(
        _is_number(point.seconds) and point.seconds > 0 and _is_number(point.cpu) and _is_number(point.memory)
        and (point.gpu is None or _is_number(point.gpu))
        and (point.gpu_memory is None or _is_number(point.gpu_memory))
        for point in points
    )  # fmt: skip


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LARGEST


def _merge(start: float, first: Point, second: Point | None = None) -> Point:
    """Return one point for two adjacent intervals. `start`: start of the first interval, seconds."""
    if second is None:
        return first
    both = Usage((first._replace(seconds=first.seconds - start), second._replace(seconds=second.seconds - start)))
    memories = [point.gpu_memory for point in (first, second) if point.gpu_memory is not None]
    return Point(
        second.seconds, both.mean_cpu, max(first.memory, second.memory), both.mean_gpu, max(memories, default=None)
    )


def draw_curve(values: Sequence[float | None], width: int) -> str:
    """Return a curve of at most `width` block characters, for example `▂▅█`. The largest value gets the full block.

    A missing value is a blank.
    """
    groups = _group(values, width)
    top = max((value for value in groups if value is not None), default=0.0)
    return "".join(" " if value is None else _BLOCKS[_level(value, top)] for value in groups)


def _level(value: float, top: float) -> int:
    return min(len(_BLOCKS) - 1, math.floor(len(_BLOCKS) * value / top)) if top > 0 else 0


def _group(values: Sequence[float | None], width: int) -> list[float | None]:
    """Divide the values into at most `width` groups of adjacent values. Return the largest value of each group.

    The value of a group without values is None.
    """
    size = max(1, math.ceil(len(values) / width))
    parts = (values[at : at + size] for at in range(0, len(values), size))
    return [max((value for value in part if value is not None), default=None) for part in parts]
