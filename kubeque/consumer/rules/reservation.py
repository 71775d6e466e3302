"""Decide how many tasks a consumer reserves, and how long they may wait behind a running command.

Both follow from the durations of its last tasks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from kubeque.consumer.events import JobKey, LeaseView
from kubeque.queues.block import MAX_RESERVE

#: Seconds of work that one commit reserves, to bound the number of commits. If a command runs for longer, the tasks
#: that are staged behind it are given back.
COMMIT_SECONDS = 5.0
#: Maximum seconds of work that stay reserved behind a running command while another consumer is idle.
SHARE_SECONDS = 0.5

#: Number of recent tasks whose mean duration decides how many tasks are reserved.
_REMEMBERED = 20
#: One task out of this number may be reserved ahead. An idle consumer can steal the other tasks.
_STEALABLE = 4
#: A command runs long if it takes more than this multiple of the mean duration, and more than this many seconds.
_LONGER, _SECOND = 4, 1.0


class Pace:
    """The durations of the last tasks, by job and revision.

    A duration is the time from the start of a task to the start of the next task.
    """

    def __init__(self) -> None:
        self._recent: dict[JobKey, deque[float]] = {}

    def note(self, key: JobKey, seconds: float) -> None:
        """Add the duration of a task."""
        self._recent.setdefault(key, deque(maxlen=_REMEMBERED)).append(seconds)

    def forget(self, keep: Collection[str]) -> None:
        """Forget all jobs except those with these uids."""
        self._recent = {key: recent for key, recent in self._recent.items() if key[0] in keep}

    def _mean(self, key: JobKey) -> float | None:
        recent = self._recent.get(key)
        return sum(recent) / len(recent) if recent else None

    def first_reservation(self, key: JobKey) -> int:
        """Return the number of tasks to reserve when a block is claimed. The size of the block is not known then."""
        mean = self._mean(key)
        return 1 if mean is None else max(1, min(MAX_RESERVE, int(SHARE_SECONDS / max(mean, 1e-3))))

    def reservation(self, lease: LeaseView) -> int:
        """Return the number of further tasks to reserve.

        Reserve tasks for about COMMIT_SECONDS of work. Reserve fewer tasks near the end of a block, so that other
        consumers can take the rest.
        """
        by_time = reserve_count(self._mean(lease.key))
        return max(self.first_reservation(lease.key), min(by_time, lease.pending // _STEALABLE))

    def may_run_ahead(self, lease: LeaseView, ahead: int) -> bool:
        """True if the next task is reserved while another task runs.

        Short tasks are always reserved ahead. Longer tasks are reserved ahead only if enough tasks of the block are
        left for other consumers. `ahead`: number of reserved tasks that already wait for the running task.
        """
        mean = self._mean(lease.key)
        if mean is None or mean >= COMMIT_SECONDS:
            return False
        return mean < SHARE_SECONDS or lease.pending >= _STEALABLE * (ahead + 1)

    def longest_wait(self, key: JobKey | None) -> float:
        """Return the seconds for which reserved tasks may wait behind one command of this job."""
        mean = None if key is None else self._mean(key)
        return COMMIT_SECONDS if mean is None else min(COMMIT_SECONDS, max(_SECOND, _LONGER * mean))


def reserve_count(mean_seconds: float | None) -> int:
    """Return the number of tasks to reserve for COMMIT_SECONDS of work; 1 if the mean duration is unknown."""
    if mean_seconds is None:
        return 1
    return max(1, min(MAX_RESERVE, int(COMMIT_SECONDS / max(mean_seconds, 1e-3))))
