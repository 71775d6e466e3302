"""The part of a report about CPU, memory and GPU use over time: curves for the longest tasks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from kubeque.files.layout import result_url
from kubeque.files.parallel import SMALL_READS, in_parallel
from kubeque.jobs.backends import Backends
from kubeque.jobs.results.result_manifest import read_result
from kubeque.jobs.results.table import TaskRow
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import StorageError
from kubeque.model.job.job import Job
from kubeque.model.quantities import format_bytes, format_seconds
from kubeque.model.stats.usage import Usage, read_usage

#: Number of tasks with curves. Each curve costs a request to the store.
CURVES = 10
#: Shortest task with a curve, seconds. The curve of a shorter task has only one or two points.
_SHORTEST_SECONDS = 10.0
#: Width and height of a curve in its own units.
_WIDTH, _HEIGHT = 100, 20


class Longest:
    """Collects the ended tasks that took longest: at most CURVES tasks."""

    def __init__(self) -> None:
        self._kept: list[tuple[float, TaskRow]] = []

    def add(self, line: TaskRow) -> None:
        outcome = line.view.record.outcome
        if line.view.state.has_outcome and outcome is not None and outcome.seconds >= _SHORTEST_SECONDS:
            self._kept.append((outcome.seconds, line))
            if len(self._kept) > 2 * CURVES:
                self._kept = self._first()

    def _first(self) -> list[tuple[float, TaskRow]]:
        return sorted(self._kept, key=lambda item: (-item[0], item[1].view.index))[:CURVES]

    @property
    def lines(self) -> list[TaskRow]:
        return [line for _, line in self._first()]


@dataclass(frozen=True, slots=True)
class TaskUsage:
    """A task with its CPU, memory and GPU use over time."""

    line: TaskRow
    usage: Usage


def read_usages(backends: Backends, job: Job, tasks: Sequence[TaskRow]) -> list[TaskUsage]:
    """Return the resource use of tasks, from their results. Tasks without a recorded use are left out."""
    found = in_parallel(partial(_read, backends, job), tasks, threads=SMALL_READS)
    return [TaskUsage(line, usage) for line, usage in zip(tasks, found, strict=True) if usage is not None]


def _read(backends: Backends, job: Job, line: TaskRow) -> Usage | None:
    url = result_url(job, line.view.record.outcome)
    try:
        return read_usage(read_result(backends.files, url).get("usage")) if url else None
    except StorageError:
        return None


@dataclass(frozen=True, slots=True)
class Curve:
    """A value over time, as the points of an SVG polygon."""

    points: str
    #: Mean and peak, as text.
    note: str
    width: int = _WIDTH
    height: int = _HEIGHT


@dataclass(frozen=True, slots=True)
class UsageLine:
    """A line of the table of resource use."""

    index: int
    seconds: str
    #: Curves of CPU, memory and, if the table has a column for GPUs, GPUs. None for GPUs that this task did not use.
    curves: Sequence[Curve | None]


def draw_usage(each: TaskUsage, *, has_gpu: bool) -> UsageLine:
    """Return the line of a task with its curves. `has_gpu`: True if the table has a column for GPUs."""
    usage, outcome = each.usage, each.line.view.record.outcome
    ends = [point.seconds for point in usage.points]
    cpu = [point.cpu for point in usage.points]
    memory = [float(point.memory) for point in usage.points]
    means = f"mean {format_bytes(usage.mean_memory)}, peak {format_bytes(int(max(memory)))}"
    curves: list[Curve | None] = [
        Curve(_points(ends, cpu), f"mean {usage.mean_cpu:.2f} cores, peak {max(cpu):.2f}"),
        Curve(_points(ends, memory), means),
    ]
    if has_gpu:
        gpu, mean = [point.gpu or 0.0 for point in usage.points], usage.mean_gpu
        curves.append(None if mean is None else Curve(_points(ends, gpu), f"mean {mean:.2f} GPUs"))
    return UsageLine(each.line.view.index, format_seconds(outcome.seconds) if outcome else "", curves)


def _points(ends: Sequence[float], values: Sequence[float]) -> str:
    """Return the points of an SVG polygon for a step curve. `ends`: end of the time interval of each value, seconds."""
    top, last, x = max(values) or 1.0, ends[-1], 0.0
    points = [f"0,{_HEIGHT}"]
    for end, value in zip(ends, values, strict=True):
        y = _HEIGHT * (1 - value / top)
        points += [f"{x:.1f},{y:.1f}", f"{(x := _WIDTH * end / last):.1f},{y:.1f}"]
    return " ".join([*points, f"{_WIDTH},{_HEIGHT}"])
