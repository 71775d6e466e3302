"""Evictions: a node stops the pod of a consumer, because the task in the pod used too much disk."""

from __future__ import annotations

from kubeque.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Eviction:
    """The eviction of one consumer because of its disk use."""

    #: Name of the consumer, as the leases that it held contain it.
    owner: str
    #: Size class of the consumer's tasks.
    size_class: int
    #: Index of the task that the consumer was running, as its journal names it; None if unknown.
    running: int | None
    #: Message of the node.
    message: str
