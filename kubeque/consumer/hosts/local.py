"""A consumer in a slot of this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kubeque.clusters.local import LocalCluster, Slot, owner_name
from kubeque.consumer.attempt.memory_watch import OomCounter
from kubeque.consumer.hosts.place import Place
from kubeque.model.job.task import Death


@dataclass(frozen=True)
class LocalHost:
    """A slot that this process holds. Commands share the machine with everything else, so nothing is counted."""

    fleet: str
    slot: Slot
    cluster: LocalCluster
    work: Path
    place: Place
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    oom: OomCounter | None = None
    watched: tuple[Path, ...] = ()
    echo: Callable[[str], object] | None = None

    @classmethod
    def open(cls, fleet: str, home: Path, slot: Slot, queue_url: str, *, linger_seconds: float) -> LocalHost:
        """Return the host of the consumer in this slot of a home folder."""
        place = Place(owner_name(), slot=slot.number, linger_seconds=linger_seconds)
        return cls(fleet, slot, LocalCluster(home, queue_url), home / "work" / str(slot.number), place)

    @property
    def number(self) -> int:
        return self.slot.number

    def record_task(self, task: dict[str, object]) -> None:
        self.slot.journal(task)

    def record_process(self, pid: int) -> None:
        self.slot.runs(pid)

    def remove_leftovers(self) -> None:
        """Do nothing: files outside the working directory may belong to other programs."""

    def find_death(self, owner: str) -> Death | None:
        return self.cluster.find_death(owner)

    def is_in_place(self) -> bool:
        return self.slot.there()
