"""What a consumer is told when it starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kubeque.consumer.attempt.memory_watch import OomCounter
from kubeque.model.job.job import Job
from kubeque.model.job.shapes import lift_class
from kubeque.model.job.task import Death


@dataclass(frozen=True, slots=True)
class Settings:
    """The place of one consumer."""

    fleet: str
    owner: str
    #: Folder for working directories and cached inputs.
    work: Path
    #: Among the consumers that may start with it; None: not known.
    number: int | None = None
    #: Seconds to stay when nothing is left to do.
    linger_seconds: float = 5.0
    cache_bytes: int = 20 << 30
    #: Told before each command which task it is; kept outside this process, for whoever finds it dead.
    journal: Callable[[dict[str, object]], None] = lambda task: None
    #: Told the process that the command runs in, kept beside the journal.
    runs: Callable[[int], None] = lambda pid: None
    #: Tells whether the owner of a lease is known to be dead.
    coroner: Callable[[str], Death | None] = lambda owner: None
    #: What commands inherit.
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    #: The class whose container this is; None: any, there is no container.
    size_class: int | None = None
    #: The kernel's counter for that container.
    oom: OomCounter | None = None
    #: Folders that count towards a task's disk.
    watched: tuple[Path, ...] = ()
    #: Its place on one machine; None: it has none.
    slot: int | None = None
    #: Is that place still there? A consumer whose home was removed leaves.
    placed: Callable[[], bool] = lambda: True
    #: Told that a command has ended and nothing of it runs.
    tidy: Callable[[], None] = lambda: None
    #: Told what commands print, while they do; None: nobody listens.
    show: Callable[[str], object] | None = None

    def serves(self, job: Job, size_class: int) -> bool:
        """May blocks of class `size_class` run here?"""
        return self.size_class is None or lift_class(job.shapes, size_class, job.floor) == self.size_class

    def size_classes(self, job: Job) -> list[int] | None:
        """The classes of blocks that may; None: all."""
        return None if self.size_class is None else [s for s in range(len(job.shapes)) if self.serves(job, s)]
