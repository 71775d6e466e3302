"""The estimate: the time and memory of the held tasks of a job, predicted from its canaries."""

from __future__ import annotations

from collections.abc import Iterator

from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.job import Job
from kubeque.model.quantities import format_bytes, format_seconds
from kubeque.model.stats.advice import AttemptStats
from kubeque.model.text import format_count
from kubeque.model.wording import canaries


@dataclass(frozen=True, slots=True)
class Estimate:
    """Measurements of the canaries, and the prediction for the held tasks."""

    #: Number of canaries that ended, and number of canaries that are ok.
    canaries: int
    ok: int
    #: Shortest, mean and longest duration of the commands of ok tasks, seconds; None if no task is ok.
    seconds: tuple[float, float, float] | None
    #: Largest peak memory in bytes (0 if unknown), and requested memory of a task in bytes (None if none is requested).
    peak: int
    memory: int | None
    #: Number of attempts that ran out of memory.
    oom: int
    #: Number of held tasks, and number of consumers that will run the held tasks.
    held: int
    consumers: int
    #: Predicted seconds from the release of the held tasks until the last of them ends; None if no task is ok.
    left: float | None


def estimate(job: Job, seen: AttemptStats, *, canaries: int, held: int) -> Estimate:
    """Estimate the time and memory of the held tasks of a job from the attempts of its canaries.

    `seen`: statistics of the attempts. `canaries`: number of ended canaries. `held`: number of held tasks.

    A consumer works on three tasks at a time: it stages one, runs another, and saves a third. So the slowest of the
    three steps determines the time. Failed attempts also count, because the held tasks will need retries as often as
    the canaries.
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


def format_estimate(name: str, found: Estimate) -> Iterator[str]:
    """Yield the lines of an estimate as text. `name`: name of the job."""
    yield f"{name}: {found.ok} of {found.canaries} {canaries()} are ok"
    if found.seconds is not None:
        shortest, mean, longest = map(format_seconds, found.seconds)
        yield f"  time    {mean} a task" + (f" ({shortest} to {longest})" if found.ok > 1 else "")
    if found.peak or found.memory:
        peak = f"peak {format_bytes(found.peak)}" if found.peak else "no peak was measured"
        requested = f", requested {format_bytes(found.memory)}" if found.memory else ""
        again = f", {format_count(found.oom, 'attempt')} ran out of memory" if found.oom else ""
        yield f"  memory  {peak}{requested}{again}"
    rest = format_count(found.held, "more task")
    consumers = format_count(found.consumers, "consumer")
    yield f"  all     {rest} with {consumers}" + (
        f": about {format_seconds(found.left)}" if found.left is not None else ""
    )
