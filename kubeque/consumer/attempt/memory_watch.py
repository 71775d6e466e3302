"""Watch the memory of a command. Find out whether the kernel killed a process of the command for lack of memory."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from kubeque.consumer.attempt import process_tree

#: Pauses between the first samples, seconds; the last pause is repeated. The first pauses are short, so that the peak
#: of a short task is measured too.
_STEPS = (0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
#: Longest pause between two samples if the task has a memory limit, seconds.
_LIMITED_STEP = 0.1
#: Largest share of a core that samples may use. A tree of thousands of processes is therefore sampled less often.
_COST_SHARE = 0.05
#: Memory of a process tree above which shared pages are counted only once, bytes. For a smaller tree, this is not worth
#: the time.
_SMALL_TREE = 64 << 20
#: Smallest peak that is recorded, bytes. A smaller one was measured before the program had started, so the peak is
#: unknown.
LEAST_PEAK = 1 << 20
#: Return codes of a command if SIGKILL ended the command itself, or if the command is a shell and SIGKILL ended the
#: program that it ran.
_KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
#: Highest value of oom_score_adj. The kernel kills such a process first.
_FIRST_TO_GO = b"1000"
#: Seconds between two samples that must both exceed the limit.
_CONFIRM_SECONDS = 0.005

_VM = re.compile(rb"VmSize:\s+(\d+) kB.*?VmHWM:\s+(\d+) kB\s+VmRSS:\s+(\d+) kB", re.DOTALL)
_PSS = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)
_OOM_KILL = re.compile(rb"^oom_kill (\d+)$", re.MULTILINE)


class Memory(NamedTuple):
    """The memory of one process, bytes."""

    #: Size of the address space.
    size: int
    #: Largest resident size so far.
    peak: int
    #: Present resident size.
    resident: int


def memory_of(pid: int) -> Memory | None:
    """Return the memory of a process; None if the process has ended."""
    match = _VM.search(process_tree.read_proc(f"/proc/{pid}/status"))
    return Memory(*(int(number) << 10 for number in match.groups())) if match else None


def pause_after(samples: int, cost: float, *, limited: bool, suspected: bool) -> float:
    """Return the seconds to wait until the next sample.

    `samples`: number of samples so far. `cost`: CPU time of the last sample, seconds. `limited`: True if the task has a
    memory limit. `suspected`: True if the last sample exceeded this limit.
    """
    pause = _STEPS[min(samples, len(_STEPS)) - 1]
    if suspected:
        pause = _CONFIRM_SECONDS
    elif limited:
        pause = min(pause, _LIMITED_STEP)
    return max(pause, cost / _COST_SHARE)


class MemoryWatch:
    """Samples the memory of the process tree of one command.

    The peak is the larger of two numbers: the largest total of the tree in one sample, and the largest size of any
    single process. ru_maxrss is not used, because a child process begins with the value of its parent. For example,
    /bin/true would seem to use as much memory as the consumer.
    """

    def __init__(self, pid: int, limit: int | None, *, before: AbstractSet[int] = frozenset()) -> None:
        """`pid`: process of the command. `limit`: memory limit in bytes; None for no limit.

        `before`: pids of the children of this process that do not belong to the command.
        """
        self._pid = pid
        self._limit = limit
        self._before = before
        self._samples = 0
        self._suspected = False
        self._recent = 0
        #: Largest memory so far, bytes; 0 if nothing was measured.
        self.peak = 0
        #: Time of the next sample, seconds of the monotonic clock.
        self.due = 0.0

    def sample(self) -> bool:
        """Take one sample. Return True if this sample and the sample before exceed the limit."""
        began = time.thread_time()
        total = self._measure()
        self._recent = max(self._recent, total)
        over = self._limit is not None and total > self._limit
        exceeded = over and self._suspected
        self._suspected = over
        self._samples += 1
        cost = time.thread_time() - began
        self.due = time.monotonic() + pause_after(
            self._samples, cost, limited=self._limit is not None, suspected=self._suspected
        )
        return exceeded

    def take_recent(self) -> int:
        """Return the largest total memory of the process tree in a sample since the last call, bytes."""
        recent, self._recent = self._recent, 0
        return recent

    def pids(self) -> list[int]:
        """Return the pids of the command's processes, including ended processes that are not reaped yet."""
        return list(process_tree.descendants({self._pid, *process_tree.own_children()} - self._before))

    def _measure(self) -> int:
        used = self._usage()
        total = sum(memory.resident for memory in used.values())
        self.peak = max([self.peak, *(memory.peak for memory in used.values())])
        if len(used) > 1 and total > max(self.peak, _SMALL_TREE):
            total = proportional_memory(used)
        self.peak = max(self.peak, total)
        return total

    def _usage(self) -> dict[int, Memory]:
        """Return the memory of each process of the command, by pid.

        Leave out new child processes that still share all pages of their parent.
        """
        if self._samples == 0:  # the command has just started, and has no child processes yet
            own = memory_of(self._pid)
            return {self._pid: own} if own else {}
        parents = process_tree.descendants({self._pid, *process_tree.own_children()} - self._before)
        seen = {pid: memory for pid in parents if (memory := memory_of(pid))}
        # Between vfork (or fork) and exec, a child has the pages of its parent. These pages would count twice.
        return {pid: memory for pid, memory in seen.items() if not _is_double(memory, seen.get(parents[pid]))}


def _is_double(memory: Memory, parent: Memory | None) -> bool:
    return parent is not None and (memory.size, memory.resident) == (parent.size, parent.resident)


def proportional_memory(used: dict[int, Memory]) -> int:
    """Return the total memory of some processes, bytes. A page that several processes share counts once.

    `used`: memory of each process, by pid. For example, eight processes that share 4 GiB have resident sizes of 32 GiB
    in total, but use 4 GiB. The call is slow, because the kernel visits every page to compute the number.
    """
    total = 0
    for pid, memory in used.items():
        if match := _PSS.search(process_tree.read_proc(f"/proc/{pid}/smaps_rollup")):
            total += int(match[1]) << 10
        elif memory_of(pid):  # alive, but its smaps_rollup cannot be read: another user's process, or an old kernel
            total += memory.resident
    return total


def raise_oom_score(pid: int) -> None:
    """Make the kernel kill the command, not the consumer, when memory runs out. This needs no privileges.

    Do nothing if the kernel does not allow it. `pid`: process of the command.
    """
    try:
        fd = os.open(f"/proc/{pid}/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return  # the command has ended, or the system has no /proc; the kernel then chooses a process by its size
    try:
        os.write(fd, _FIRST_TO_GO)
    except OSError:
        pass  # the command has ended, or a sandbox refuses the write
    finally:
        os.close(fd)


class OomCounter:
    """Reads how many processes of one cgroup the kernel has killed for lack of memory.

    The kernel increases its count before a killed child can be reaped. If the count has increased between the start and
    the end of a command, the kernel has killed a process. The process may belong to another program in the cgroup.
    """

    def __init__(self, file: Path, *, shared: bool = False) -> None:
        """`file`: memory.events (cgroup v2) or memory.oom_control (v1). Raises OSError if the file cannot be opened.

        `shared`: True if other programs than the task run in the cgroup.
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
        """Return the counter of this process's cgroup; None if the system has none."""
        with suppress(OSError):
            for file in _candidates(folder, own.read_bytes().split(b"\n") if own.exists() else []):
                if file.is_file():
                    return cls(file, shared=shared)
        return None

    def has_killed(self, before: int, code: int) -> bool:
        """True if the kernel killed a process of a command for lack of memory.

        `before`: count before the start of the command. `code`: exit code of the command, or the negative number of a
        signal. In a shared cgroup, the kernel may have killed a process of another program. So the result is then True
        only if SIGKILL ended the command.
        """
        return self.read() > before and (not self._shared or code in _KILLED)

    def read(self) -> int:
        """Return the number of processes that the kernel has killed so far."""
        try:
            match = _OOM_KILL.search(os.pread(self._fd, 4096, 0))
        except OSError:  # the cgroup was removed: the last count is the best value
            return self._last
        self._last = int(match[1]) if match else 0
        return self._last

    def close(self) -> None:
        os.close(self._fd)


def _candidates(folder: Path, lines: Iterable[bytes]) -> Iterable[Path]:
    """Yield the files that may contain the count of kills, the most likely one first.

    `folder`: mount point of the cgroups. `lines`: lines of /proc/self/cgroup, each `number:controllers:path`.
    """
    for line in filter(None, lines):
        _, controllers, path = line.split(b":", 2)
        v1 = b"memory" in controllers.split(b",")
        if v1 or not controllers:
            root, name = (folder / "memory", "memory.oom_control") if v1 else (folder, "memory.events")
            yield root / os.fsdecode(path.strip(b"/")) / name
            # In a container, the path is often that of the host. Then only the container's own cgroup is mounted, at
            # the root.
            yield root / name
