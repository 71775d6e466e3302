"""Watch the memory of a command: the size of its process tree, and kills by the kernel for lack of memory."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from kubeque.consumer.attempt import process_tree

#: Seconds between samples. The first ones come soon, so that a short task has a peak as well.
_STEPS = (0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
#: Longest pause between samples if there is a limit, seconds.
_LIMITED_STEP = 0.1
#: Share of a core that samples may cost: a tree of thousands of processes is sampled less often.
_COST_SHARE = 0.05
#: Size of a tree, bytes, from which shared pages are counted once. In a smaller tree that is not worth the time.
_SMALL_TREE = 64 << 20
#: Codes of a command that SIGKILL ended: itself, or the program that its shell ran.
_KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
#: Seconds between the two samples that must both exceed a limit.
_CONFIRM_SECONDS = 0.005

_VM = re.compile(rb"VmSize:\s+(\d+) kB.*?VmHWM:\s+(\d+) kB\s+VmRSS:\s+(\d+) kB", re.DOTALL)
_PSS = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)
_OOM_KILL = re.compile(rb"^oom_kill (\d+)$", re.MULTILINE)


class Memory(NamedTuple):
    """The memory of one process, in bytes."""

    #: Address space.
    size: int
    #: Largest resident size so far.
    peak: int
    #: Resident now.
    resident: int


def memory_of(pid: int) -> Memory | None:
    """Return the memory of a process; None if it is gone or a zombie."""
    match = _VM.search(process_tree.read_proc(f"/proc/{pid}/status"))
    return Memory(*(int(number) << 10 for number in match.groups())) if match else None


def pause_after(samples: int, cost: float, *, limited: bool, suspected: bool) -> float:
    """Return the seconds to wait after a number of samples, of which the last one cost `cost` seconds of CPU time.

    `limited`: True if there is a limit. `suspected`: True if the last sample exceeded it.
    """
    pause = _STEPS[min(samples, len(_STEPS)) - 1]
    if suspected:
        pause = _CONFIRM_SECONDS
    elif limited:
        pause = min(pause, _LIMITED_STEP)
    return max(pause, cost / _COST_SHARE)


class MemoryWatch:
    """Samples the memory of the processes below one command.

    The peak is the largest sum over the tree in any sample, or the largest size that one process ever had. It is not
    taken from ru_maxrss, because a child begins with the value of its parent: /bin/true would have "used" as much as
    the consumer.
    """

    def __init__(self, pid: int, limit: int | None, *, before: frozenset[int] = frozenset()) -> None:
        """`limit`: bytes; None for no limit. `before`: children of this process that do not belong to the command."""
        self._pid = pid
        self._limit = limit
        self._before = before
        self._samples = 0
        self._suspected = False
        #: Bytes; 0 if nothing was measured.
        self.peak = 0
        #: When the next sample is due, on the monotonic clock.
        self.due = 0.0

    def sample(self) -> bool:
        """Take one sample. Return True if the tree uses more than its limit."""
        began = time.thread_time()
        total = self._measure()
        over = self._limit is not None and total > self._limit
        exceeded = over and self._suspected
        self._suspected = over
        self._samples += 1
        cost = time.thread_time() - began
        self.due = time.monotonic() + pause_after(
            self._samples, cost, limited=self._limit is not None, suspected=self._suspected
        )
        return exceeded

    def _measure(self) -> int:
        used = self._usage()
        total = sum(memory.resident for memory in used.values())
        self.peak = max([self.peak, *(memory.peak for memory in used.values())])
        if len(used) > 1 and total > max(self.peak, _SMALL_TREE):
            total = proportional_memory(used)
        self.peak = max(self.peak, total)
        return total

    def _usage(self) -> dict[int, Memory]:
        """Return the memory of each process, without forked children that still share all pages of their parent."""
        if self._samples == 0:  # Just started: it has no children yet.
            own = memory_of(self._pid)
            return {self._pid: own} if own else {}
        parents = process_tree.descendants({self._pid, *process_tree.own_children()} - self._before)
        seen = {pid: memory for pid in parents if (memory := memory_of(pid))}
        # Between vfork (or fork) and exec a child has its parent's pages: they would count twice.
        return {pid: memory for pid, memory in seen.items() if not _is_double(memory, seen.get(parents[pid]))}


def _is_double(memory: Memory, parent: Memory | None) -> bool:
    return parent is not None and (memory.size, memory.resident) == (parent.size, parent.resident)


def proportional_memory(used: dict[int, Memory]) -> int:
    """Return the bytes of some processes together; a page that several share counts once.

    Eight processes forked from one of 4 GiB have resident sizes of 32 GiB in total, but use 4 GiB. The number is read
    only near the limit, because the kernel visits every page to compute it.
    """
    total = 0
    for pid, memory in used.items():
        if match := _PSS.search(process_tree.read_proc(f"/proc/{pid}/smaps_rollup")):
            total += int(match[1]) << 10
        elif memory_of(pid):  # alive but unreadable: another user's process, or an old kernel
            total += memory.resident
    return total


class OomCounter:
    """The kernel's count of out-of-memory kills in one cgroup.

    The kernel raises the count before the killed child can be reaped. So a count that is higher after the end than
    before the start means an out-of-memory kill, not a plain SIGKILL. The count covers the whole cgroup, in which other
    programs may run.
    """

    def __init__(self, file: Path, *, shared: bool = False) -> None:
        """`file`: memory.events (cgroup v2) or memory.oom_control (v1). Raises OSError if it cannot be opened.

        `shared`: True if programs other than the task run in the cgroup.
        """
        self._fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        self._shared = shared
        self._last = 0

    @classmethod
    def find(
        cls,
        folder: Path = Path("/sys/fs/cgroup"),
        own: Path = Path("/proc/self/cgroup"),
        *,
        shared: bool = False,
    ) -> OomCounter | None:
        """Return the counter of this cgroup; None if the system has none."""
        with suppress(OSError):
            for file in _candidates(folder, own.read_bytes().split(b"\n") if own.exists() else []):
                if file.is_file():
                    return cls(file, shared=shared)
        return None

    def has_killed(self, before: int, code: int) -> bool:
        """True if the kernel killed a process of a command for lack of memory.

        `before`: the count before its start. `code`: its exit code, or the negative number of a signal. In a shared
        cgroup only a command that SIGKILL ended counts, because the kernel may have killed another program.
        """
        return self.read() > before and (not self._shared or code in _KILLED)

    def read(self) -> int:
        """Return how many processes were killed so far."""
        try:
            match = _OOM_KILL.search(os.pread(self._fd, 4096, 0))
        except OSError:  # The cgroup was removed: the last count is the best value.
            return self._last
        self._last = int(match[1]) if match else 0
        return self._last

    def close(self) -> None:
        os.close(self._fd)


def _candidates(folder: Path, lines: Iterable[bytes]) -> Iterable[Path]:
    """Yield possible files, the likeliest first. Lines of /proc/self/cgroup are `number:controllers:path`."""
    for line in filter(None, lines):
        _, controllers, path = line.split(b":", 2)
        v1 = b"memory" in controllers.split(b",")
        if v1 or not controllers:
            root, name = (folder / "memory", "memory.oom_control") if v1 else (folder, "memory.events")
            yield root / os.fsdecode(path.strip(b"/")) / name
            # In a container the path is often the host's, while only our own cgroup is mounted, at the root.
            yield root / name
