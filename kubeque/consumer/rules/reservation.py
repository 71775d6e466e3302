"""Decide how many tasks a consumer reserves, and how long reserved tasks may wait behind a running command.

These decisions follow from the durations of the consumer's last tasks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from kubeque.consumer.events import JobKey, LeaseView
from kubeque.queues.block import MAX_RESERVE

#: Duration of the work that one commit reserves, seconds, to bound the number of commits. If a command runs for longer,
#: the consumer gives back the tasks that wait behind it.
COMMIT_SECONDS = 5.0
#: Longest duration of the reserved work that may wait behind a running command while another consumer is idle, seconds.
SHARE_SECONDS = 0.5

#: Number of recent tasks whose mean duration decides how many tasks are reserved.
_REMEMBERED = 20
#: One of this number of tasks may be reserved ahead. An idle consumer can steal the other tasks.
_STEALABLE = 4
#: A command runs long if it takes more than this multiple of the mean duration, and more than this many seconds.
_LONGER, _SECOND = 4, 1.0


class Pace:
    """The durations of a consumer's last tasks, by job and revision.

    A duration is the time from the moment at which a task is picked to run until its command has ended, in seconds.
    """

    def __init__(self) -> None:
        self._recent: dict[JobKey, deque[float]] = {}

    def note(self, key: JobKey, seconds: float) -> None:
        """Add the duration of a task, in seconds."""
        self._recent.setdefault(key, deque(maxlen=_REMEMBERED)).append(seconds)

    def forget(self, keep: Collection[str]) -> None:
        """Forget the jobs whose uids are not in `keep`."""
        self._recent = {key: recent for key, recent in self._recent.items() if key[0] in keep}

    def _mean(self, key: JobKey) -> float | None:
        recent = self._recent.get(key)
        return sum(recent) / len(recent) if recent else None

    def first_reservation(self, key: JobKey) -> int:
        """Return the number of tasks to reserve when a block is claimed, before the size of the block is known."""
        mean = self._mean(key)
        return 1 if mean is None else max(1, min(MAX_RESERVE, int(SHARE_SECONDS / max(mean, 1e-3))))

    def reservation(self, lease: LeaseView) -> int:
        """Return the number of further tasks of a lease to reserve: about COMMIT_SECONDS of work.

        If these tasks take longer than SHARE_SECONDS, reserve at most a quarter of the block's pending tasks. Other
        consumers can then steal the rest.
        """
        by_time = reserve_count(self._mean(lease.key))
        return max(self.first_reservation(lease.key), min(by_time, lease.pending // _STEALABLE))

    def may_run_ahead(self, lease: LeaseView, ahead: int) -> bool:
        """True if a further task may be reserved while another task runs.

        `ahead`: number of staged tasks that already wait for the running task. Tasks shorter than SHARE_SECONDS are
        always reserved ahead. Longer tasks are reserved ahead only if enough tasks of the block are left for other
        consumers. Tasks of unknown duration, and tasks of COMMIT_SECONDS or longer, are never reserved ahead.
        """
        mean = self._mean(lease.key)
        if mean is None or mean >= COMMIT_SECONDS:
            return False
        return mean < SHARE_SECONDS or lease.pending >= _STEALABLE * (ahead + 1)

    def longest_wait(self, key: JobKey | None) -> float:
        """Return the seconds for which reserved tasks may wait behind one command of a job.

        `key`: uid and revision of the job; None if the job is unknown.
        """
        mean = None if key is None else self._mean(key)
        return COMMIT_SECONDS if mean is None else min(COMMIT_SECONDS, max(_SECOND, _LONGER * mean))


def reserve_count(mean_seconds: float | None) -> int:
    """Return the number of tasks to reserve for COMMIT_SECONDS of work; 1 if the mean duration is unknown."""
    if mean_seconds is None:
        return 1
    return max(1, min(MAX_RESERVE, int(COMMIT_SECONDS / max(mean_seconds, 1e-3))))
