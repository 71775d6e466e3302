"""Evictions: a node stops a consumer because a task used too much disk."""

from __future__ import annotations

from kubeque.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Eviction:
    """The eviction of one consumer because of its disk use."""

    #: Name of the consumer, as in the leases that it held.
    owner: str
    #: Size class of the consumer's tasks.
    size_class: int
    #: Index of the task that the consumer was running, from its journal; None if unknown.
    running: int | None
    #: Message of the node.
    message: str
