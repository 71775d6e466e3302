"""Evictions: consumers whose node stopped them because their task used too much disk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Eviction:
    """One consumer that its node stopped because of its own use of disk."""

    #: Owner in the leases that it held.
    owner: str
    #: Size class of its tasks.
    size_class: int
    #: Index of the task that it was running, from its journal; None if unknown.
    running: int | None
    #: Message of the node.
    message: str
