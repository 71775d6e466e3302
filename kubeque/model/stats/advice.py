"""Suggestions for a job, from the statistics of its attempts. A suggestion is given only if its gain is large."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from dataclasses import field

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.causes import Cause
from kubeque.model.job.job import Job
from kubeque.model.job.task import TaskState, TaskView
from kubeque.model.quantities import MI, format_bytes, format_seconds
from kubeque.model.stats.spans import spans
from kubeque.model.text import format_count

#: Minimum gains for which advice is given: share of the time, seconds, and bytes.
_SHARE = 0.2
_SECONDS = 10.0
_BYTES = 256 * MI
#: Maximum seconds without an attempt inside of one session, and minimum seconds of a session to judge its last tasks.
_PAUSE_SECONDS, _LONG_SECONDS = 10.0, 60.0
#: Factor between the largest peak and the suggested memory. Peaks are sampled, and other rows might need more.
_ROOM = 1.25
#: Causes of attempts whose running time counts as lost. The program of the task is not to blame for these causes.
_WASTED = (Cause.LOST, Cause.PREEMPTED, Cause.OOM, Cause.DISK)


@dataclass(slots=True)
class Session:
    """A period in which attempts of a job ran without a long pause between them."""

    #: Start of the first attempt and end of the last attempt, Unix times in seconds.
    first: float
    last: float
    attempts: int = 0
    #: End of the last attempt of each consumer, Unix time in seconds.
    consumers: dict[str, float] = field(default_factory=dict)

    def add(self, end: float, consumer: str) -> None:
        """Add an attempt of `consumer`. `end`: end of the attempt, Unix time in seconds."""
        self.attempts += 1
        self.last = max(self.last, end)
        self.consumers[consumer] = max(end, self.consumers.get(consumer, 0.0))

    @property
    def span(self) -> float:
        return self.last - self.first

    @property
    def idle(self) -> float:
        """Seconds between the last attempt of each consumer and the end of the session, summed over the consumers."""
        return sum(self.last - end for end in self.consumers.values())

    @property
    def is_long(self) -> bool:
        """True if the session had enough time, consumers and attempts to show whether the last tasks delayed it."""
        count = len(self.consumers)
        return self.span >= _LONG_SECONDS and count >= 2 and self.attempts >= 2 * count


@dataclass(slots=True)
class AttemptStats:
    """Statistics of the attempts of a job. `add` adds the attempts of one task."""

    #: Number of recorded attempts, and the total seconds of running, staging and saving.
    attempts: int = 0
    running: float = 0.0
    staging: float = 0.0
    saving: float = 0.0
    #: Unix time in seconds of the first start and of the last end; 0 without attempts.
    first: float = 0.0
    last: float = 0.0
    #: Total seconds of the attempts with a cause in _WASTED, by cause.
    wasted: dict[Cause, float] = field(default_factory=dict)
    #: Number of attempts that ran out of memory.
    oom: int = 0
    #: Number of attempts that an error in kubeque itself ended.
    internal: int = 0
    #: Largest peak memory of an ok task in bytes, and the number of ok tasks with a known peak.
    peak: int = 0
    measured: int = 0
    #: Duration of the command of each ok task, seconds.
    times: array[float] = field(default_factory=lambda: array("d"))
    #: Start and end of each attempt, Unix times in seconds, and the consumer of each attempt.
    starts: array[float] = field(default_factory=lambda: array("d"))
    ends: array[float] = field(default_factory=lambda: array("d"))
    owners: list[str] = field(default_factory=list)

    def add(self, view: TaskView) -> None:
        """Add the attempts of one task."""
        for span in spans("", view):
            self.attempts += 1
            self.running += span.seconds
            self.staging += span.staging
            self.saving += span.saving
            self.first = min(self.first or span.start, span.start)
            self.last = max(self.last, span.end)
            self.starts.append(span.start)
            self.ends.append(span.end)
            self.owners.append(span.consumer)
            self.oom += span.cause is Cause.OOM
            self.internal += span.cause is Cause.INTERNAL
            if span.cause in _WASTED:
                self.wasted[span.cause] = self.wasted.get(span.cause, 0.0) + span.seconds
        outcome = view.record.outcome
        if view.state is TaskState.OK and outcome is not None and not outcome.linked:
            self.times.append(outcome.seconds)
            self.measured += outcome.peak_memory > 0
            self.peak = max(self.peak, outcome.peak_memory)

    @property
    def consumers(self) -> set[str]:
        """Names of the consumers that ran at least one attempt."""
        return set(self.owners)

    def sessions(self) -> Iterator[Session]:
        """Yield the periods in which attempts ran, the earliest first.

        Between two periods, no attempt ran for some time, for example because of a pause or before a reset.
        """
        session: Session | None = None
        for at in sorted(range(len(self.starts)), key=self.starts.__getitem__):
            start, end = self.starts[at], self.ends[at]
            if session is None or start - session.last > _PAUSE_SECONDS:
                if session is not None:
                    yield session
                session = Session(start, end)
            session.add(end, self.owners[at])
        if session is not None:
            yield session

    @property
    def span(self) -> float:
        """Seconds between the first start and the last end."""
        return self.last - self.first

    def time(self, share: float) -> float:
        """Return a quantile of the durations of the ok tasks, seconds; 0 if no task is ok.

        `share`: 0.5 for the median.
        """
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def advise(job: Job, seen: AttemptStats) -> list[str]:
    """Return suggestions for the options of a job as texts, the most useful first. `seen`: statistics of the job."""
    found = [_internal(seen), _memory(job, seen), _staging(seen), _saving(seen), _wasted(seen), _tail(seen)]
    return [sentence for sentence in found if sentence]


def _internal(seen: AttemptStats) -> str:
    if not seen.internal:
        return ""
    attempts = format_count(seen.internal, "attempt")
    return f"{attempts} ended by an error in kubeque: please report the error with the traceback in the consumer's log."


def _memory(job: Job, seen: AttemptStats) -> str:
    asked = job.shapes[0].memory
    if not asked or not seen.measured:
        return ""
    wanted = _round_up(seen.peak * _ROOM)
    if seen.oom > max(1, job.n // 10):
        return (
            f"{seen.oom} attempts ran out of memory and were repeated with more: the largest task used "
            f"{format_bytes(seen.peak)}. Request {format_bytes(wanted)} (--memory)."
        )
    if seen.oom or wanted > asked / 2 or asked - wanted < _BYTES:
        return ""
    return (
        f"Requested {format_bytes(asked)}, peak {format_bytes(seen.peak)}: no task needed more. "
        f"With {format_bytes(wanted)} (--memory) more consumers fit on the same machines."
    )


def _round_up(count: float) -> int:
    """Return a number of bytes, rounded up to a quantity with a short text, for example 128Mi, 640Mi or 1.5Gi."""
    step = 64 * MI if count < 1024 * MI else 512 * MI
    return max(128 * MI, math.ceil(count / step) * step)


def _share(part: float, seen: AttemptStats) -> float:
    whole = seen.running + seen.staging + seen.saving
    return part / whole if whole > 0 and part >= _SECONDS else 0.0


def _staging(seen: AttemptStats) -> str:
    share = _share(seen.staging, seen)
    if share < _SHARE:
        return ""
    return (
        f"{share:.0%} of the time was staging: {format_seconds(seen.staging)} to download inputs, "
        f"{format_seconds(seen.running)} to run. Put files that all rows use into the image, or send each row only "
        "the part that the row uses."
    )


def _saving(seen: AttemptStats) -> str:
    share = _share(seen.saving, seen)
    if share < _SHARE:
        return ""
    return (
        f"{share:.0%} of the time was storing results ({format_seconds(seen.saving)}). Keep fewer files "
        "(--results, --ignore), or pack small files into one file."
    )


def _wasted(seen: AttemptStats) -> str:
    total = sum(seen.wasted.values())
    if total < _SECONDS or total < _SHARE * seen.running:
        return ""
    causes = ", ".join(
        f"{cause} {format_seconds(seconds)}"
        for cause, seconds in sorted(seen.wasted.items(), key=lambda item: -item[1])
    )
    return (
        f"{total / seen.running:.0%} of the running time was lost ({causes}). Use shorter tasks or more reliable "
        "machines."
    )


def _tail(seen: AttemptStats) -> str:
    idle = whole = 0.0
    for session in seen.sessions():
        whole += session.span * len(session.consumers)
        idle += session.idle if session.is_long else 0.0
    if not seen.times or not idle or idle < 0.25 * whole:
        return ""
    return (
        f"{idle / whole:.0%} of the consumers' time was spent waiting for the last tasks; the longest took "
        f"{format_seconds(max(seen.times))}. Put the longest rows first, or use fewer consumers."
    )
