"""Decide when a consumer with leases leaves.

It first records outcomes and releases its leases, if the queue answers in time.
"""

from __future__ import annotations

from kubeque.consumer import events as on
from kubeque.consumer import instructions as do
from kubeque.consumer.instructions import Instruction
from kubeque.consumer.rules.outage import RESULTS_WAIT_SECONDS, Outages

#: Seconds that a leaving consumer has to commit its outcomes. Kubernetes ends a pod 20 seconds after the grace period
#: of its command. `kubeque stop` ends a local consumer after 15 seconds.
LEAVE_SECONDS = 10.0


class Departure:
    """Decides on the last steps of a consumer, and on how long it waits for a queue or store that does not answer."""

    def __init__(self, outages: Outages) -> None:
        self._outages = outages
        #: Time of the last end of a command or upload, seconds.
        self._active_at = 0.0
        #: Time from which a stopped consumer only records outcomes, seconds.
        self._told_at: float | None = None
        #: True once the release of its leases has been requested.
        self._tried = False
        #: True once the consumer leaves because the queue or a store does not answer.
        self.gave_up = False

    def note_activity(self, now: float) -> None:
        """Record that a command or an upload has ended. The time limit for recording its outcome starts now."""
        self._active_at = now

    def gives_up(self, now: float) -> bool:
        """True once the queue or a store has been silent for too long."""
        silent = self._outages.longest(now, self._active_at)
        self.gave_up = self.gave_up or silent > RESULTS_WAIT_SECONDS
        return self.gave_up

    def let_all_go(self, event: on.AllSaved, now: float) -> list[Instruction]:
        """Release all leases, and then leave. Repeat the release while the queue does not answer."""
        rest = [lease for lease in event.leases if not lease.done]
        if event.told_to_leave and self._told_at is None:
            self._told_at = now
        if not rest:
            return [do.Leave()]
        if self._tried and self._is_late(now):
            self.gave_up = True
            return [do.Leave()]
        self._tried = True
        queue = self._outages.queue
        wait = [do.AwaitAnswer(queue.pause(now))] if queue is not None else []
        return [*wait, *(do.LetGo(lease.id) for lease in rest)]

    def _is_late(self, now: float) -> bool:
        """True if the time to release the leases is over."""
        queue = self._outages.queue
        silent = queue is not None and now - max(queue.since, self._active_at) > RESULTS_WAIT_SECONDS
        return silent or (self._told_at is not None and now - self._told_at > LEAVE_SECONDS)
