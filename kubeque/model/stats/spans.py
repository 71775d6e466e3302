"""Spans: which attempt ran where and when, and the lanes that a picture of them has. From the queue's tasks alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from heapq import heappop, heappush

from kubeque.model.job.task import Cause, TaskView

#: Times are kept to the millisecond, so what touches may seem to overlap by two, seconds.
_ROUNDING_SECONDS = 0.002


class By(StrEnum):
    """What a lane of a timeline stands for."""

    CONSUMER = "consumer"
    TASK = "task"
    JOB = "job"


@dataclass(frozen=True, slots=True)
class Span:
    """One attempt that ended, as a stretch of time."""

    job: str
    #: The task.
    index: int
    attempt: int
    #: Which consumer ran it.
    consumer: str
    cause: Cause
    #: Exit code, or the signal's number for `signal`.
    code: int | None
    #: When the command began: Unix time, seconds.
    start: float
    #: How long the command ran.
    seconds: float
    #: How long its inputs took to be brought, and its results to be stored, seconds.
    staging: float = 0.0
    saving: float = 0.0
    #: How much of that the consumer did not spend on other tasks meanwhile, seconds. See `uncovered`.
    lead: float = 0.0
    trail: float = 0.0

    @property
    def end(self) -> float:
        """When the command ended: Unix time, seconds."""
        return self.start + self.seconds


@dataclass(frozen=True, slots=True)
class Lanes:
    """Where each span is drawn: no two of one lane overlap."""

    #: One for each lane.
    labels: tuple[str, ...]
    #: For each span the number of its lane.
    of: tuple[int, ...]


def spans(job: str, view: TaskView) -> Iterator[Span]:
    """The attempts of a task that the queue remembers, oldest first, without those that never began."""
    for a in view.record.history:
        if a.start > 0:
            yield Span(
                job, view.index, a.number, a.owner, a.cause, a.code, a.start, max(0.0, a.seconds), a.staging, a.saving
            )


def uncovered(found: Iterable[Span]) -> list[Span]:
    """The spans in order of their start, with `lead` and `trail` set.

    A consumer stages the next task and stores the last one while it runs this one: only what sticks out of that shows.
    """
    ordered = sorted(found, key=lambda span: (span.start, span.job, span.index, span.attempt))
    following: dict[str, float] = {}
    trails: list[float] = []
    for span in reversed(ordered):
        trails.append(max(0.0, min(span.saving, following.get(span.consumer, span.end + span.saving) - span.end)))
        following[span.consumer] = span.start
    busy: dict[str, float] = {}
    result = []
    for span, trail in zip(ordered, reversed(trails), strict=True):
        lead = max(0.0, min(span.staging, span.start - busy.get(span.consumer, span.start - span.staging)))
        busy[span.consumer] = max(span.end + trail, busy.get(span.consumer, 0.0))
        result.append(replace(span, lead=lead, trail=min(trail, span.saving)))
    return result


def lanes(found: Sequence[Span], by: By) -> Lanes:
    """Lanes for spans in order of their start: one for each consumer, task or job, more where its spans overlap."""
    #: By key: (when it is free, lane of this key) of those in use, the free ones, and how many there are.
    busy: dict[tuple[str, int], list[tuple[float, int]]] = defaultdict(list)
    free: dict[tuple[str, int], list[int]] = defaultdict(list)
    count: dict[tuple[str, int], int] = {}
    places = []
    for span in found:
        key = _key(span, by)
        while busy[key] and busy[key][0][0] <= span.start - span.lead + _ROUNDING_SECONDS:
            heappush(free[key], heappop(busy[key])[1])
        if free[key]:
            lane = heappop(free[key])  # the first of them: what is left at the end stands together
        else:
            lane = count.get(key, 0)
            count[key] = lane + 1
        heappush(busy[key], (span.end + span.trail, lane))
        places.append((key, lane))
    order = list(count) if by is By.JOB else sorted(count)
    first: dict[tuple[str, int], int] = {}
    labels: list[str] = []
    for key in order:
        first[key] = len(labels)
        labels += [_label(key, by, lane) for lane in range(count[key])]
    return Lanes(tuple(labels), tuple(first[key] + lane for key, lane in places))


def _key(span: Span, by: By) -> tuple[str, int]:
    if by is By.CONSUMER:
        return span.consumer, 0
    return (span.job, span.index) if by is By.TASK else (span.job, 0)


def _label(key: tuple[str, int], by: By, lane: int) -> str:
    more = f" ({lane + 1})" if lane else ""
    if by is By.TASK:
        return f"{key[0]} {key[1]}{more}"
    return f"{consumer_label(key[0]) if by is By.CONSUMER else key[0]}{more}"


def consumer_label(owner: str) -> str:
    """A consumer's signature, short enough for a margin: its process on one machine, else its pod."""
    kind, *rest = owner.split(":")
    if kind == "local" and len(rest) == 3:
        return f"process {rest[1]}"
    return rest[-1] if rest else owner
