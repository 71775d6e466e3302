"""Rules for consumers that die at their start on this machine: pauses between starts, and limits for reports."""

from __future__ import annotations

#: Shortest time between two starts after one death, seconds. Each further death doubles this time.
FIRST_PAUSE_SECONDS = 1.0
#: Maximum pause between two starts, as a multiple of the first pause.
_LONGEST_PAUSE = 60
#: Number of consecutive deaths before a first task from which these deaths are reported.
MANY_DEATHS = 5
#: Seconds after the last start for which deaths are reported even if other consumers work: twice the longest pause.
RECENT_SECONDS = 120.0


def pause_between_starts(deaths: int, first_seconds: float) -> float:
    """Return the minimum time in seconds between two starts after `deaths` consecutive deaths."""
    return first_seconds * min(2 ** min(deaths - 1, 10), _LONGEST_PAUSE) if deaths else 0.0
