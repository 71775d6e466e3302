"""The duration of a running command as text."""

from __future__ import annotations

from kubeque.model.job.task import Running
from kubeque.model.quantities import format_seconds

#: Age in seconds above which the last statement of a consumer is shown with its age.
_SHOWN_AGE = 10.0


def format_since(running: Running | None, now: float) -> str:
    """Return how long a command has been running; empty if unknown.

    If the consumer reported it long ago, add how long ago.

    `now`: time on the clock of the queue, Unix seconds.
    """
    if running is None:
        return ""
    age = now - running.noted
    seen = f" (seen {format_seconds(age)} ago)" if age > _SHOWN_AGE else ""
    return f"{format_seconds(max(0.0, now - running.since))}{seen}"
