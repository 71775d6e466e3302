"""The estimate: time and memory of a sweep, predicted from its canaries."""

from __future__ import annotations

from dataclasses import dataclass

from kubeque.model.job.job import Job
from kubeque.model.stats.advice import AttemptStats


@dataclass(frozen=True, slots=True)
class Estimate:
    """Measurements of the canaries, and the prediction for the held tasks."""

    #: Canaries that ended, and the number of them that are ok.
    canaries: int
    ok: int
    #: Seconds of the command of an ok task: shortest, mean, longest; None if none is ok.
    seconds: tuple[float, float, float] | None
    #: Bytes: the largest peak, 0 if unknown; and the first memory limit of a task, None without limit.
    peak: int
    memory: int | None
    #: Attempts that ran out of memory.
    oom: int
    #: Held tasks, and consumers for them.
    held: int
    consumers: int
    #: Predicted seconds until the last held task ends; None if unknown.
    left: float | None


def estimate(job: Job, seen: AttemptStats, *, canaries: int, held: int) -> Estimate:
    """Return the estimate from the statistics `seen` of the ended `canaries`, for `held` tasks.

    A consumer stages, runs and stores three tasks at the same time, so the slowest of the three determines the time.
    All attempts count: the other tasks will need retries as often as the canaries.
    """
    times = sorted(seen.times)
    mean = sum(times) / len(times) if times else 0.0
    consumers = max(1, min(job.consumers, held))
    each = max(seen.running, seen.staging, seen.saving) / canaries if canaries else 0.0
    return Estimate(
        canaries=canaries, ok=len(times), seconds=(times[0], mean, times[-1]) if times else None, peak=seen.peak,
        memory=job.shapes[0].memory, oom=seen.oom, held=held, consumers=consumers,
        left=max(each * held / consumers, times[-1]) if times else None,
    )  # fmt: skip
