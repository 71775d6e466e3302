"""What a consumer is told when it starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kubeque.model.task import Death


@dataclass(frozen=True, slots=True)
class Settings:
    """The place of one consumer."""

    fleet: str
    owner: str
    #: Folder for working directories and cached inputs.
    work: Path
    #: Seconds to stay when nothing is left to do.
    linger_seconds: float = 5.0
    cache_bytes: int = 20 << 30
    #: Told before each command which task it is; kept outside this process, for whoever finds it dead.
    journal: Callable[[dict[str, object]], None] = lambda task: None
    #: Tells whether the owner of a lease is known to be dead.
    coroner: Callable[[str], Death | None] = lambda owner: None
