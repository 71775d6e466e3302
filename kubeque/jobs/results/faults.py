"""Describe the tasks whose files could not be read, for the message at the end of a command."""

from __future__ import annotations

from collections.abc import Sequence

#: Number of tasks that a message names; the others are counted.
_NAMED = 3


def name_faults(faults: Sequence[tuple[int, str]]) -> str:
    """Return the first tasks with the reason, by their index, and the number of the others."""
    named = "; ".join(f"task {index}: {reason}" for index, reason in faults[:_NAMED])
    more = len(faults) - _NAMED
    return f"{named}; and {more} more task{'s' * (more > 1)}" if more > 0 else named
