"""The durations of leases and heartbeats: the defaults, and the shortest lease."""

from __future__ import annotations

from kubeque.model.errors import ResourceError
from kubeque.model.quantities import parse_duration
from kubeque.model.text import describe

#: Default duration of a lease in seconds. Without a commit for this time, the tasks of the consumer run elsewhere.
LEASE_SECONDS = 180.0


#: Minimum duration of a lease in seconds. A busy machine delays heartbeats by about a second.
MIN_LEASE_SECONDS = 5.0


#: Default time between two heartbeats of a lease in seconds. It is at most a third of the lease.
HEARTBEAT_SECONDS = 60.0


#: Default time for which a finished attempt waits for a store that does not answer, seconds. Also the time for which a
#: consumer waits for a queue that does not answer.
RESULTS_WAIT_SECONDS = 3600.0


#: Seconds after which a consumer reads the jobs again. It then detects killed rows and jobs.
REVIEW_SECONDS = 5.0


def parse_lease(value: str | float, what: str = "lease") -> float:
    """Return the duration of a lease in seconds. Raises ResourceError if it is less than MIN_LEASE_SECONDS.

    `what`: name of the option, for the message.
    """
    seconds = parse_duration(value, what)
    if seconds < MIN_LEASE_SECONDS:
        raise ResourceError(f"{what} {describe(value)} is too short: give at least {MIN_LEASE_SECONDS:g}s")
    return seconds
