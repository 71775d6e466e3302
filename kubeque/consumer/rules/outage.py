"""Outages of the queue and of stores: when a consumer tries again, and how long it waits for an answer."""

from __future__ import annotations

from collections.abc import Collection

from kubeque.consumer import events as on
from kubeque.consumer.events import LeaseId
from kubeque.consumer.instructions import Instruction
from kubeque.model.job.lease_durations import RESULTS_WAIT_SECONDS

#: First and longest pause between two tries while the queue or a store does not answer, seconds. The longest pause is
#: short, because work continues only after a successful try.
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.25, 2.0
#: The duration of an outage, divided by this number, is the pause before the next try.
_PART = 4


class Outage:
    """An outage of the queue or of one store, from the first unanswered request on.

    Times are seconds of the monotonic clock.
    """

    def __init__(self, now: float, limit: float = RESULTS_WAIT_SECONDS) -> None:
        """`limit`: duration in seconds, after which the consumer leaves."""
        self.limit = limit
        self.since = self._last = now
        #: Time of the next try to extend each lease.
        self._renewals: dict[LeaseId, float] = {}
        #: True while a result waits for this store. The thread that uploads the result reports the end of the wait.
        self.unsaved = False

    def note(self, now: float) -> None:
        """Record a further unanswered request."""
        self._last = now

    def tries_renewal(self, lease: LeaseId, now: float) -> bool:
        """True if the next try to extend a lease is due. Record this try.

        Unanswered requests of other threads do not postpone the try. Otherwise these requests could delay the try
        beyond the end of the outage.
        """
        if now < self._renewals.get(lease, 0.0):
            return False
        self._renewals[lease] = now + self.pause(now)
        return True

    def pause(self, now: float) -> float:
        """Return the seconds between two tries. The pause grows with the duration of the outage."""
        return min(LONGEST_RETRY_SECONDS, max(FIRST_RETRY_SECONDS, (now - self.since) / _PART))

    def is_over_limit(self, now: float, active_at: float) -> bool:
        """True if the outage lasts longer than its limit. Time before `active_at` does not count."""
        return now - max(self.since, active_at) > self.limit

    def waits(self, now: float) -> bool:
        """True while no request may be sent: until the next try is due, or while a result waits for the store."""
        return self.unsaved or now - self._last < self.pause(self._last)


class Outages:
    """The current outages of the queue and of the stores of jobs. Times are seconds of the monotonic clock."""

    def __init__(self) -> None:
        #: Outage of the queue; None if the queue answers.
        self.queue: Outage | None = None
        #: Outages of stores, by the uid of the job.
        self._stores: dict[str, Outage] = {}

    def queue_silent(self, event: on.QueueSilent, now: float) -> list[Instruction]:
        """Record that a request to the queue got no answer."""
        self.queue = self.queue or Outage(now)
        self.queue.note(now)
        return []

    def store_silent(self, event: on.StoreSilent, now: float) -> list[Instruction]:
        """Record that a request to the store of a job got no answer."""
        outage = self._stores.setdefault(event.uid, Outage(now, event.limit))
        outage.note(now)
        outage.unsaved = outage.unsaved or event.unsaved
        return []

    def store_answered(self, event: on.StoreAnswered, now: float) -> list[Instruction]:
        """End the outage of the store of a job, so that tasks of the job may begin."""
        self._stores.pop(event.uid, None)
        return []

    def note_staged(self, uid: str) -> None:
        """Record that a task of a job was staged, so the store of the job answers.

        This ends the outage of the store, but not if a result still waits for the store.
        """
        if (outage := self._stores.get(uid)) is not None and not outage.unsaved:
            del self._stores[uid]

    def forget(self, keep: Collection[str]) -> None:
        """Forget the stores of the jobs whose uids are not in `keep`."""
        self._stores = {uid: outage for uid, outage in self._stores.items() if uid in keep}

    def waits(self, uid: str, now: float) -> bool:
        """True while no request may be sent to the store of a job, because the store is silent."""
        outage = self._stores.get(uid)
        return outage is not None and outage.waits(now)

    def pause(self, now: float) -> float | None:
        """Return the shortest of the pauses of all outages, in seconds; None if the queue and all stores answer."""
        return min((outage.pause(now) for outage in self._all()), default=None)

    def is_over_limit(self, now: float, active_at: float) -> bool:
        """True if an outage lasts longer than its limit. Time before `active_at` does not count."""
        return any(outage.is_over_limit(now, active_at) for outage in self._all())

    def _all(self) -> list[Outage]:
        return [*([self.queue] if self.queue else []), *self._stores.values()]
