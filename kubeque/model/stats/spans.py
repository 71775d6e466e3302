"""Compute the spans of a timeline (attempts as intervals of time), and their lanes, from the tasks in the queue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from heapq import heappop, heappush

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.causes import Cause
from kubeque.model.job.task import TaskView

#: Seconds by which adjacent spans can seem to overlap, because times are stored in milliseconds.
_ROUNDING_SECONDS = 0.002


class By(StrEnum):
    """The choice of the lanes of a timeline: one lane for each consumer, each task or each job."""

    CONSUMER = "consumer"
    TASK = "task"
    JOB = "job"


@dataclass(frozen=True, slots=True)
class Span:
    """One attempt that ended, as an interval of time."""

    job: str
    #: Index of the task.
    index: int
    attempt: int
    #: Name of the consumer that ran the attempt.
    consumer: str
    cause: Cause
    #: Exit code; for the cause `signal`, the number of the signal.
    code: int | None
    #: Start of the command, Unix time in seconds.
    start: float
    #: Duration of the command, seconds.
    seconds: float
    #: Seconds to stage the inputs, and seconds to save the results.
    staging: float = 0.0
    saving: float = 0.0
    #: Parts of `staging` and `saving` during which the consumer ran no other task. See `find_uncovered`.
    lead: float = 0.0
    trail: float = 0.0

    @property
    def end(self) -> float:
        """End of the command, Unix time in seconds."""
        return self.start + self.seconds


@dataclass(frozen=True, slots=True)
class Lanes:
    """The lanes of a timeline, and the lane of each span. The spans of one lane do not overlap."""

    #: Label of each lane.
    labels: tuple[str, ...]
    #: Lane of each span, as an index into `labels`.
    of: tuple[int, ...]


def spans(job: str, view: TaskView) -> Iterator[Span]:
    """Yield a span for each recorded attempt of a task, the oldest first. Skip attempts whose command did not start.

    `job`: name of the job.
    """
    for a in view.record.history:
        if a.start > 0:
            yield Span(
                job, view.index, a.number, a.owner, a.cause, a.code, a.start, max(0.0, a.seconds), a.staging, a.saving
            )


def find_uncovered(found: Iterable[Span]) -> list[Span]:
    """Return copies of the spans with `lead` and `trail`, in the order of their starts.

    While a consumer runs a task, it stages the next task and saves the previous task. A timeline shows only the parts
    of staging and saving during which the consumer ran no task: `lead` and `trail`.
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
    """Return the lanes of a timeline. `found`: spans in the order of their starts.

    `by`: what gets a lane: each consumer, each task or each job. If the spans of one of them overlap, it gets several
    lanes.
    """
    # For each consumer, task or job: the lanes that a span occupies, each with the end of the span; the lanes without a
    # span at present; the number of its lanes.
    busy: dict[tuple[str, int], list[tuple[float, int]]] = defaultdict(list)
    free: dict[tuple[str, int], list[int]] = defaultdict(list)
    count: dict[tuple[str, int], int] = {}
    lane_of_span = []
    for span in found:
        key = _key(span, by)
        while busy[key] and busy[key][0][0] <= span.start - span.lead + _ROUNDING_SECONDS:
            heappush(free[key], heappop(busy[key])[1])
        if free[key]:
            lane = heappop(free[key])  # the first free lane: the last lanes have the fewest spans then
        else:
            lane = count.get(key, 0)
            count[key] = lane + 1
        heappush(busy[key], (span.end + span.trail, lane))
        lane_of_span.append((key, lane))
    order = list(count) if by is By.JOB else sorted(count)
    first: dict[tuple[str, int], int] = {}
    labels: list[str] = []
    for key in order:
        first[key] = len(labels)
        labels += [_label(key, by, lane) for lane in range(count[key])]
    return Lanes(tuple(labels), tuple(first[key] + lane for key, lane in lane_of_span))


def _key(span: Span, by: By) -> tuple[str, int]:
    if by is By.CONSUMER:
        return _place(span.consumer), 0
    return (span.job, span.index) if by is By.TASK else (span.job, 0)


def _label(key: tuple[str, int], by: By, lane: int) -> str:
    more = f" ({lane + 1})" if lane else ""
    if by is By.TASK:
        return f"{key[0]} {key[1]}{more}"
    return f"{consumer_label(key[0]) if by is By.CONSUMER else key[0]}{more}"


def _place(owner: str) -> str:
    """Return the part of a consumer's name that is the same for all consumers of its slot.

    `owner`: name of a consumer. The name of a consumer without a slot is returned unchanged.
    """
    place = owner.rsplit(":", 2)[0] if owner.startswith("local:") and owner.count(":") == 3 else owner
    return place if "." in place else owner


def consumer_label(owner: str) -> str:
    """Return a short label of a consumer, for example `HOST slot 3`, `process 4711`, `HOST work 2`, or its pod's name.

    `owner`: name of a consumer, or the part of the name that all consumers of a slot share.
    """
    kind, *rest = owner.split(":")
    if kind == "local" and rest and rest[0].count(".") == 2:
        _, slot, host = rest[0].split(".")
        return f"{host} slot {slot}"
    if kind == "local" and len(rest) == 3:
        return f"process {rest[1]}"
    if kind == "work" and rest:
        host, _, number = rest[0].rpartition(".")
        return f"{host} work {number}"
    return rest[0] if kind == "pod" and len(rest) == 2 else rest[-1] if rest else owner
