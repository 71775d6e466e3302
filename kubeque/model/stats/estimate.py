"""The estimate: what a few rows of a sweep, run first, let expect of all the others."""

from __future__ import annotations

from dataclasses import dataclass

from kubeque.model.job.job import Job
from kubeque.model.stats.advice import AttemptStats


@dataclass(frozen=True, slots=True)
class Estimate:
    """What was seen of the canaries, and what follows from it for the tasks that are held."""

    #: Canaries that ended, and how many of them are ok.
    canaries: int
    ok: int
    #: Seconds that the command of an ok task ran: the shortest, the mean, the longest; None: none is ok.
    seconds: tuple[float, float, float] | None
    #: Bytes: the most that a task used, 0 where it was never seen; and what a task is given first, None: no limit.
    peak: int
    memory: int | None
    #: Attempts that ran out of memory on the way.
    oom: int
    #: Tasks that are held, and consumers for them.
    held: int
    consumers: int
    #: Seconds until the last of them has ended; None where nothing is known.
    left: float | None


def estimate(job: Job, seen: AttemptStats, *, canaries: int, held: int) -> Estimate:
    """From what was `seen` of the canaries, of which so many ended. Pure.

    A consumer stages the next task and stores the last one while one runs, so what takes longest of the three counts.
    All attempts count: what had to run again among the canaries will among the others.
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
