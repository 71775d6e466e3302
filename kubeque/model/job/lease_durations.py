"""The durations of a lease and of its heartbeats: the defaults, and the shortest lease."""

from __future__ import annotations

from kubeque.model.errors import ResourceError
from kubeque.model.quantities import parse_duration
from kubeque.model.text import describe

#: Seconds without a heartbeat after which the tasks of a consumer run elsewhere.
LEASE_SECONDS = 180.0


#: Shortest lease, seconds. A busy machine delays heartbeats by about a second.
MIN_LEASE_SECONDS = 5.0


#: Seconds between two renewals of a lease, at most a third of the lease.
HEARTBEAT_SECONDS = 60.0


#: Seconds between two readings of the jobs by a consumer. It then sees which rows and jobs were killed.
REVIEW_SECONDS = 5.0


def parse_lease(value: str | float, what: str = "lease") -> float:
    """Return the duration of a lease in seconds. Raises ResourceError for less than MIN_LEASE_SECONDS."""
    seconds = parse_duration(value, what)
    if seconds < MIN_LEASE_SECONDS:
        raise ResourceError(f"{what} {describe(value)} is too short: give at least {MIN_LEASE_SECONDS:g}s")
    return seconds
