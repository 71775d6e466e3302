"""CPU time of this process's descendants, by group. Ended and orphaned processes are included."""

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
#: A process with this text in its command is a consumer. All its descendants count as consumers too.
_CONSUMER = b"kubeque.consumer"


def adopt_orphans() -> None:
    """Adopt the orphans of child processes, so that their CPU time is counted."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        sys.exit(f"orphans cannot be adopted: {os.strerror(ctypes.get_errno())}")


@dataclass
class Accounts:
    """CPU seconds by group.

    An ended process still counts for its group, because its parent has waited for it or it is a zombie of this process.
    """

    #: Group by process id. The descendants of a process belong to its group.
    roots: Mapping[int, str]
    #: Group of orphans. (Only consumers are recognized by their command.)
    others: str = "other"
    _consumers: set[int] = field(default_factory=set)

    def look(self) -> Counter[str]:
        """Return the CPU seconds by group since the start. Call this so often that it sees every consumer alive."""
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
    """Return the id of each process, the id of its parent, and its CPU seconds.

    The CPU seconds include all children that the process waited for.
    """
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
