"""Advice: what the numbers of a job say that its owner may want to change. Silent where there is little to gain."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field

from kubeque.model.job.job import Job
from kubeque.model.job.task import Cause, TaskView
from kubeque.model.resources import MI, format_bytes, format_seconds
from kubeque.model.stats.spans import spans

#: What is smaller than this is not worth a sentence: a share of the time, seconds, bytes.
_SHARE = 0.2
_SECONDS = 10.0
_BYTES = 256 * MI
#: Head room above the largest peak that was seen: peaks are sampled, and the next rows may be larger.
_ROOM = 1.25
#: Attempts that ended without any fault of the program's.
_WASTED = (Cause.LOST, Cause.PREEMPTED, Cause.OOM, Cause.DISK)


@dataclass(slots=True)
class AttemptStats:
    """What was seen of a job's attempts, added up one task at a time."""

    #: Attempts that the queue remembers, and the seconds of their parts.
    attempts: int = 0
    running: float = 0.0
    staging: float = 0.0
    saving: float = 0.0
    #: Unix time, seconds, of the first start and of the last end; 0 where nothing ran.
    first: float = 0.0
    last: float = 0.0
    #: Seconds of the attempts that were for nothing, by cause.
    wasted: dict[Cause, float] = field(default_factory=dict)
    #: Attempts that ran out of memory.
    oom: int = 0
    #: Bytes: the largest peak of a task that is ok, and of how many it was seen.
    peak: int = 0
    measured: int = 0
    #: Seconds of each task that is ok.
    times: array[float] = field(default_factory=lambda: array("d"))
    #: By consumer: when its last attempt ended.
    consumers: dict[str, float] = field(default_factory=dict)

    def add(self, view: TaskView) -> None:
        """Count one task."""
        for span in spans("", view):
            self.attempts += 1
            self.running += span.seconds
            self.staging += span.staging
            self.saving += span.saving
            self.first = min(self.first or span.start, span.start)
            self.last = max(self.last, span.end)
            self.consumers[span.consumer] = max(span.end, self.consumers.get(span.consumer, 0.0))
            self.oom += span.cause is Cause.OOM
            if span.cause in _WASTED:
                self.wasted[span.cause] = self.wasted.get(span.cause, 0.0) + span.seconds
        outcome = view.record.outcome
        if view.state == "ok" and outcome is not None and not outcome.linked:
            self.times.append(outcome.seconds)
            self.measured += outcome.peak_memory > 0
            self.peak = max(self.peak, outcome.peak_memory)

    @property
    def span(self) -> float:
        """Seconds from the first start to the last end."""
        return self.last - self.first

    def time(self, share: float) -> float:
        """The seconds that this share of the tasks that are ok did not exceed; 0 where none is."""
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def advise(job: Job, seen: AttemptStats) -> list[str]:
    """Sentences, the most useful first."""
    found = [_memory(job, seen), _staging(seen), _saving(seen), _wasted(seen), _tail(seen)]
    return [sentence for sentence in found if sentence]


def _memory(job: Job, seen: AttemptStats) -> str:
    asked = job.shapes[0].memory
    if not asked or not seen.measured:
        return ""
    wanted = _rounded(seen.peak * _ROOM)
    if seen.oom > max(1, job.n // 10):
        return (
            f"{seen.oom} attempts ran out of memory and were repeated with more: the largest task used "
            f"{format_bytes(seen.peak)}. Ask for {format_bytes(wanted)} (--memory)."
        )
    if seen.oom or wanted > asked / 2 or asked - wanted < _BYTES:
        return ""
    return (
        f"Asked {format_bytes(asked)}, peak {format_bytes(seen.peak)}: no task needed more. "
        f"With {format_bytes(wanted)} (--memory) more consumers fit on the same machines."
    )


def _rounded(count: float) -> int:
    """Bytes, rounded up to something that one would write: 128Mi, 640Mi, 1.5Gi."""
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
        f"{share:.0%} of the time was staging: {format_seconds(seen.staging)} to bring inputs, "
        f"{format_seconds(seen.running)} to run. Put what all rows share into the image, or give each row only "
        "its own part."
    )


def _saving(seen: AttemptStats) -> str:
    share = _share(seen.saving, seen)
    if share < _SHARE:
        return ""
    return (
        f"{share:.0%} of the time was storing results ({format_seconds(seen.saving)}). Keep fewer files "
        "(--results, --ignore), or pack small ones into one."
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
        f"{total / seen.running:.0%} of the running time was for nothing ({causes}): shorter tasks, or machines "
        "that stay, lose less."
    )


def _tail(seen: AttemptStats) -> str:
    whole = seen.span * len(seen.consumers)
    idle = sum(seen.last - end for end in seen.consumers.values())
    if seen.span < 60 or len(seen.consumers) < 2 or len(seen.times) < 2 * len(seen.consumers) or idle < 0.25 * whole:
        return ""
    return (
        f"{idle / whole:.0%} of the consumers' time passed waiting for the last tasks; the longest took "
        f"{format_seconds(max(seen.times))}. Put the longest rows first, or use fewer consumers."
    )
