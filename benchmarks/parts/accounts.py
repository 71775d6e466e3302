"""Who used how much CPU time: the processes below this one by groups, the dead and the orphaned included."""

from __future__ import annotations

import ctypes
import os
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_TICKS = os.sysconf("SC_CLK_TCK")
#: A process with this in its command is a consumer, and so is all below it.
_CONSUMER = b"kubeque.consumer"


def adopt_orphans() -> None:
    """Become the parent of whom our children leave behind, so that they are counted."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        sys.exit(f"orphans cannot be adopted: {os.strerror(ctypes.get_errno())}")


@dataclass
class Accounts:
    """CPU seconds by group. The dead stay in theirs: who started them has waited for them, or they are our zombies."""

    #: The group of each process that was started for one; whoever is below it belongs to it.
    roots: Mapping[int, str]
    #: Orphans, of which only consumers are known by their command, are of this group.
    others: str = "other"
    _consumers: set[int] = field(default_factory=set)

    def look(self) -> Counter[str]:
        """Seconds by group, from the beginning. To be called often enough to see every consumer alive."""
        processes = dict(_processes())
        children: dict[int, list[int]] = {}
        for pid, (parent, _) in processes.items():
            children.setdefault(parent, []).append(pid)
        found: Counter[str] = Counter()

        def add(pid: int, group: str) -> None:
            if pid in self._consumers or _CONSUMER in _command(pid):
                self._consumers.add(pid)
                group = "consumers"
            found[group] += processes[pid][1]
            for child in children.get(pid, []):
                add(child, group)

        for pid in children.get(os.getpid(), []):
            add(pid, self.roots.get(pid, self.others))
        return found


def _processes() -> list[tuple[int, tuple[int, float]]]:
    """Every process: its number, its parent's, and the seconds of itself and of those it waited for."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            found.append((int(path.parent.name), (int(fields[1]), sum(map(int, fields[11:15])) / _TICKS)))
    return found


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
