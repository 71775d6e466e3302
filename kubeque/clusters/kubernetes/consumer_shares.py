"""Divide the requested number of consumers among the size classes of a job."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from kubeque.model.job.counts import Tally
from kubeque.model.job.job import Job
from kubeque.model.job.shapes import lift_class


def count_wanted(job: Job, waiting: Mapping[int, Tally]) -> dict[int, int]:
    """Return a dict from each size class with waiting or running tasks to its wanted number of consumers.

    The sum is at most the requested number of consumers. Each size class gets at least one consumer if possible.
    `waiting`: counts of tasks by size class.
    """
    left: dict[int, int] = defaultdict(int)
    for size_class, tally in waiting.items():
        left[lift_class(job.shapes, size_class, job.floor)] += tally.pending + tally.running
    return _share(max(job.consumers, 1), {size_class: count for size_class, count in sorted(left.items()) if count})


def _share(consumers: int, work: Mapping[int, int]) -> dict[int, int]:
    """Return the number of consumers for each size class, in proportion to its number of tasks in `work`.

    No size class gets more consumers than tasks.
    """
    if sum(work.values()) <= consumers:
        return dict(work)
    shares = dict.fromkeys(list(work)[:consumers], 1)
    for _ in range(consumers - len(shares)):
        neediest = max((c for c in shares if shares[c] < work[c]), key=lambda c: work[c] / shares[c])
        shares[neediest] += 1
    return shares
