"""Name the tasks that have unreadable files, for the message at the end of a command."""

from __future__ import annotations

from collections.abc import Sequence

from kubeque.model.text import format_count

#: Number of tasks that a message names. Further tasks are only counted.
_NAMED = 3


def name_faults(faults: Sequence[tuple[int, str]]) -> str:
    """Return a text with the index and error of the first tasks, and the number of further tasks.

    `faults`: pairs of the index of a task and its error.
    """
    named = "; ".join(f"task {index}: {reason}" for index, reason in faults[:_NAMED])
    more = len(faults) - _NAMED
    return f"{named}; and {format_count(more, 'more task')}" if more > 0 else named
