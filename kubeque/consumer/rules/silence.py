"""A queue or store that does not answer: the duration of its silence, and the time of the next try."""

from __future__ import annotations

from collections.abc import Collection

from kubeque.consumer import events as on
from kubeque.consumer.events import LeaseId
from kubeque.consumer.instructions import Instruction
from kubeque.model.timing import FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS

#: A pause is this part of the time for which the queue or store has been silent.
_PART = 4


class Silence:
    """One silence, from the first request without an answer. Times are seconds of the event clock."""

    def __init__(self, now: float) -> None:
        self.since = self._last = now
        #: Time of the next try to renew each lease.
        self._renewals: dict[LeaseId, float] = {}
        #: True while a result waits for this store. The thread that uploads the result notices when the store answers.
        self.unsaved = False

    def note(self, now: float) -> None:
        """Record a further request without an answer."""
        self._last = now

    def tries_renewal(self, lease: LeaseId, now: float) -> bool:
        """True if the next try to renew this lease is due; it is then noted.

        Requests of other threads do not count: they could delay the renewal beyond the end of the silence.
        """
        if now < self._renewals.get(lease, 0.0):
            return False
        self._renewals[lease] = now + self.pause(now)
        return True

    def pause(self, now: float) -> float:
        """Return the seconds until the next try."""
        return min(LONGEST_RETRY_SECONDS, max(FIRST_RETRY_SECONDS, (now - self.since) / _PART))

    def waits(self, now: float) -> bool:
        """True until the next try is due."""
        return self.unsaved or now - self._last < self.pause(self._last)


class Silences:
    """The present silences: of the queue, and of the stores of some jobs."""

    def __init__(self) -> None:
        self.queue: Silence | None = None
        self._stores: dict[str, Silence] = {}

    def queue_silent(self, event: on.QueueSilent, now: float) -> list[Instruction]:
        """Record a request to the queue without an answer."""
        self.queue = self.queue or Silence(now)
        self.queue.note(now)
        return []

    def store_silent(self, event: on.StoreSilent, now: float) -> list[Instruction]:
        """Record a request to the store of a job without an answer."""
        silence = self._stores.setdefault(event.uid, Silence(now))
        silence.note(now)
        silence.unsaved = silence.unsaved or event.unsaved
        return []

    def store_answered(self, event: on.StoreAnswered, now: float) -> list[Instruction]:
        """Allow the tasks of a job to begin."""
        self._stores.pop(event.uid, None)
        return []

    def note_staged(self, uid: str) -> None:
        """Record that a task of this job was staged, so the silence of its store does not keep tasks from being
        staged."""
        if (silence := self._stores.get(uid)) is not None and not silence.unsaved:
            del self._stores[uid]

    def forget(self, keep: Collection[str]) -> None:
        """Forget the stores of all jobs except those with these uids."""
        self._stores = {uid: silence for uid, silence in self._stores.items() if uid in keep}

    def waits(self, uid: str, now: float) -> bool:
        """True while a task of this job cannot be staged, until the next try is due."""
        silence = self._stores.get(uid)
        return silence is not None and silence.waits(now)

    def pause(self, now: float) -> float | None:
        """Return the seconds until the next try; None if all answer."""
        return min((silence.pause(now) for silence in self._all()), default=None)

    def longest(self, now: float, active_at: float) -> float:
        """Return the longest present silence of the queue or a store, seconds; at most the time since `active_at`."""
        return max((now - max(silence.since, active_at) for silence in self._all()), default=0.0)

    def _all(self) -> list[Silence]:
        return [*([self.queue] if self.queue else []), *self._stores.values()]
