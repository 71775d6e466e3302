"""The causes for which an attempt can end, and the record of the death of a consumer."""

from __future__ import annotations

from enum import StrEnum

from kubeque.lazy_dataclass import dataclass


class Cause(StrEnum):
    """Reason for the end of an attempt."""

    OK = "ok"
    EXIT = "exit"
    SIGNAL = "signal"
    OOM = "oom"
    DISK = "disk"
    TIMEOUT = "timeout"
    PREEMPTED = "preempted"
    LOST = "lost"
    STAGE = "stage"
    STORE = "store"
    INTERNAL = "internal"
    KILLED = "killed"
    #: Any cause that only a newer kubeque knows. The record of the attempt keeps the stored name as `foreign_cause`.
    UNKNOWN = "unknown"


#: Causes with which a task can fail or be killed.
FAILURE_CAUSES = tuple(cause for cause in Cause if cause not in (Cause.OK, Cause.UNKNOWN))
_CAUSES: dict[str, Cause] = {cause.value: cause for cause in Cause}


def read_cause(name: str) -> tuple[Cause, str]:
    """Return the cause for a stored name, and an empty text. For an unknown name, return UNKNOWN and the name."""
    cause = _CAUSES.get(name)
    return (Cause.UNKNOWN, name) if cause is None else (cause, "")


@dataclass(frozen=True, slots=True)
class Death:
    """How a consumer died: the cause for the attempt that it was running, and a message."""

    cause: Cause = Cause.LOST
    #: Index of the task that the consumer was running, from its journal; None if unknown.
    running: int | None = None
    message: str = "its consumer vanished"
