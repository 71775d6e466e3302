"""The duration of a running command as text."""

from __future__ import annotations

from kubeque.model.job.task import Running
from kubeque.model.quantities import format_seconds

#: Age in seconds of a consumer's last report above which the age is shown.
_SHOWN_AGE = 10.0


def format_since(running: Running | None, now: float) -> str:
    """Return a text with the time for which a command has been running; empty if `running` is None.

    If the last report of the consumer about the command is old, the text also has the age of this report. `now`: time
    on the clock of the queue, Unix seconds.
    """
    if running is None:
        return ""
    age = now - running.noted
    seen = f" (seen {format_seconds(age)} ago)" if age > _SHOWN_AGE else ""
    return f"{format_seconds(max(0.0, now - running.since))}{seen}"
