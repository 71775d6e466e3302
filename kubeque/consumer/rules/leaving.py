"""Decide when a consumer leaves.

Before it leaves, the consumer records its outcomes and releases its leases, if the queue answers in time.
"""

from __future__ import annotations

from kubeque.consumer import events as on
from kubeque.consumer import instructions as do
from kubeque.consumer.instructions import Instruction
from kubeque.consumer.rules.outage import Outages

#: Time that a leaving consumer has to commit its outcomes, seconds. Kubernetes ends a pod 20 seconds after the grace
#: period of its command. `kubeque stop` ends a local consumer after 15 seconds.
LEAVE_SECONDS = 10.0


class Departure:
    """Decides on the last steps of a consumer, and on the time for which it waits for a silent queue or store.

    Times are seconds of the monotonic clock.
    """

    def __init__(self, outages: Outages) -> None:
        self._outages = outages
        #: Time at which the last command or upload ended.
        self._active_at = 0.0
        #: Time since which a consumer that got a signal to leave only releases its leases; None before.
        self._told_at: float | None = None
        #: True once the release of all leases was requested.
        self._tried = False
        #: True once the consumer leaves because the queue or a store does not answer.
        self.gave_up = False

    def note_activity(self, now: float) -> None:
        """Record that a command or an upload has ended. The time limit to record the task's outcome begins at `now`."""
        self._active_at = now

    def gives_up(self, now: float) -> bool:
        """True once the queue has been silent for an hour, or the store of a job for its `results_wait`."""
        self.gave_up = self.gave_up or self._outages.is_over_limit(now, self._active_at)
        return self.gave_up

    def let_all_go(self, event: on.AllSaved, now: float) -> list[Instruction]:
        """Return the instructions to release the leases that are left; if none is left, the instruction to leave.

        The event is repeated until the consumer leaves. It also leaves when the time to release the leases is over.
        """
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
        """True if the time to release the leases is over: LEAVE_SECONDS, or the limit of the queue's outage."""
        queue = self._outages.queue
        silent = queue is not None and queue.is_over_limit(now, self._active_at)
        return silent or (self._told_at is not None and now - self._told_at > LEAVE_SECONDS)
