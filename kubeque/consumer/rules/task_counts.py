"""Count the tasks in a consumer, and check whether a command or an upload delays other tasks for too long."""

from __future__ import annotations

from kubeque.consumer.events import LeaseId, LeaseView
from kubeque.consumer.rules.reservation import COMMIT_SECONDS

#: Number of ended attempts whose results are not stored yet, at which no further command begins.
MAX_UNSAVED = 4
#: Longest time for which the upload of a result may delay the next reservation, seconds.
SAVE_SECONDS = 1.0


class Progress:
    """Counts the tasks that are staged, running or being saved. Times are seconds of the monotonic clock."""

    def __init__(self) -> None:
        #: Number of staged tasks that the main thread has not picked to run.
        self.staged = 0
        #: Lease of the running command, and index of its task.
        self.running: LeaseId | None = None
        self.running_index = 0
        self._count = 0
        self._running_since, self._longest_wait = 0.0, COMMIT_SECONDS
        #: Time since which tasks are being saved while no task is staged or runs; None in all other states.
        self._quiet_since: float | None = None

    @property
    def none(self) -> bool:
        """True if no task is staged, running or being saved."""
        return self._count == 0

    @property
    def unsaved(self) -> int:
        """Number of attempts that have ended and are not saved yet."""
        return self._count - self.staged - (self.running is not None)

    def task_staged(self) -> None:
        """Count a task that was staged."""
        self.staged += 1
        self._count += 1

    def task_left(self, *, staged: bool) -> None:
        """Count a task that has left the consumer.

        `staged`: True if the task was staged, but the main thread has not picked it to run.
        """
        self.staged -= staged
        self._count -= 1

    def begin(self, lease: LeaseId, index: int, longest_wait: float, now: float) -> None:
        """Record that a command begins. `longest_wait`: seconds for which reserved tasks may wait for its end."""
        self.running_index = index
        self.running, self._running_since, self._longest_wait = lease, now, longest_wait

    def running_in(self, lease: LeaseId) -> tuple[int, float] | None:
        """Return the index of the running task and its start; None if no task of this lease runs."""
        return (self.running_index, self._running_since) if self.running == lease else None

    def runs_killed(self, lease: LeaseView) -> bool:
        """True if the running task is in this lease and a user killed its row."""
        return self.running == lease.id and self.running_index in lease.killed

    def note_time(self, now: float) -> None:
        """Record the time if tasks are being saved while no task is staged or runs. Call this after each event."""
        saving_only = self._count > 0 and self.running is None and not self.staged
        self._quiet_since = (self._quiet_since or now) if saving_only else None

    def runs_long(self, now: float) -> bool:
        """True if the command has run for longer than the time for which reserved tasks may wait."""
        return self.running is not None and now - self._running_since > self._longest_wait

    def is_saved(self, now: float) -> bool:
        """True if all tasks in the consumer have been saved, or if their saving takes longer than SAVE_SECONDS."""
        return self.none or (self._quiet_since is not None and now - self._quiet_since > SAVE_SECONDS)
