"""Find the processes of a command in /proc, and end the processes that the command left behind.

On a system without /proc, only the process group of a command is known. The functions of this module then find no
processes.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from functools import cache
from pathlib import Path

_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
#: Longest time to wait for the end of killed processes, seconds. A process that waits for a dead network disk may never
#: end.
_PATIENCE_SECONDS = 5.0


def adopt_orphans() -> bool:
    """Make this process the parent of each descendant whose own parent ends. Call this once, at the start.

    Without this call, a program that detaches itself with two forks becomes a child of process 1. It could then run
    during the next task. Return False if the system cannot do this.
    """
    if sys.platform != "linux":
        return False
    import ctypes

    return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def forbid_inspection() -> bool:
    """Prevent other processes of this user from reading the memory and the environment of this process.

    So the programs of tasks, which run as the same user, cannot read the secrets of the consumer. Processes of root can
    still read them. Call this once, at the start. Return False if the system cannot do this.

    If /proc is mounted with `hidepid`, change nothing and return False. With the protection, other processes could not
    see that this process is alive.
    """
    if sys.platform != "linux" or hides_processes():
        return False
    import ctypes

    return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)


def hides_processes(mounts: Path = Path("/proc/self/mounts")) -> bool:
    """True if /proc is mounted with an option that hides processes from other users, or if this is unknown.

    `mounts`: file with the mount points of this process.
    """
    try:
        lines = mounts.read_bytes().splitlines()
    except OSError:
        return True
    options = [fields[3].split(b",") for line in lines if (fields := line.split(b" "))[1:3] == [b"/proc", b"proc"]]
    hidden = [option for each in options for option in each if option.startswith(b"hidepid=")]
    return any(option not in (b"hidepid=0", b"hidepid=off") for option in hidden)


def has_children() -> bool:
    """True if this process has children, including ended children that are not reaped. Needs one system call."""
    if sys.platform != "linux":
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def own_children() -> frozenset[int]:
    """Return the pids of this process's children."""
    return frozenset(_lister()(os.getpid())) if has_children() else frozenset()


def descendants(roots: Iterable[int]) -> dict[int, int]:
    """Return a dict from the pid of each process in `roots`, and of each descendant, to the pid of its parent.

    For a process in `roots`, the value is 0.
    """
    children = _lister()
    found: dict[int, int] = {}
    todo = [(root, 0) for root in roots]
    while todo:
        pid, parent = todo.pop()
        if pid not in found:
            found[pid] = parent
            todo += [(child, pid) for child in children(pid)]
    return found


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and of the children that it has reaped, seconds; 0 if the process is reaped."""
    stat = read_proc(f"/proc/{pid}/stat")
    # Field 2 of the file is the name of the program, which can contain blanks and brackets. Split only from field 3 on.
    fields = stat[stat.rindex(b")") + 2 :].split() if stat else []
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def reaped_cpu_seconds() -> float:
    """Return the CPU time, in seconds, of all children that this process has reaped, and of their reaped children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def kill_all(roots: Iterable[int]) -> None:
    """Send SIGKILL to the processes `roots` and to all of their descendants."""
    for pid in descendants(roots):
        send(pid, signal.SIGKILL)


def send(pid: int, number: int) -> bool:
    """Send a signal to a process, or to a process group if `pid` is negative. Return False if no process got it."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):  # the process is gone, or has a different user (sudo)
        return False
    return True


def kill_leftovers(before: AbstractSet[int]) -> int:
    """Kill and reap each child of this process that is not in `before`, and all descendants of these children.

    Return the number of these processes that were still running.

    When a process ends, its children become children of this process (see `adopt_orphans`). So the search is repeated
    until it finds no more children, but not longer than _PATIENCE_SECONDS.
    """
    killed = 0
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while left := own_children() - before:
        if time.monotonic() > give_up:
            return killed + len(left)
        kill_all(left)
        ends = [end for pid in left if (end := _reap(pid)) is not None]
        killed += ends.count(-signal.SIGKILL)
        if not ends:
            time.sleep(0.001)
    return killed


def _reap(pid: int) -> int | None:
    """Reap a child. Return its exit code, or the negative number of a signal; None if the child still runs.

    Return 0 if the child was reaped before.
    """
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 0
    return os.waitstatus_to_exitcode(status) if ended else None


def _lister() -> Callable[[int], list[int]]:
    """Return a function that returns the pids of a process's children."""
    if _is_listed():
        return _listed_children
    everybody = _scan()
    return lambda pid: everybody.get(pid, [])


@cache
def _is_listed() -> bool:
    """True if /proc lists the children of each process.

    Kernels without CONFIG_PROC_CHILDREN and some sandboxes have no such lists.
    """
    return os.path.exists(f"/proc/self/task/{os.getpid()}/children")


def _listed_children(pid: int) -> list[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    return [int(word) for thread in threads for word in read_proc(f"/proc/{pid}/task/{thread}/children").split()]


def _scan() -> dict[int, list[int]]:
    """Return the pids of each process's children, by pid of the process. Reads the parent of every process in /proc."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if name.isdigit() and (stat := read_proc(f"/proc/{name}/stat")):
            # The name of the program comes before the parent. It can contain blanks and brackets: `12 (a) b) S 7`.
            parent = int(stat[stat.rindex(b")") + 2 :].split()[1])
            children.setdefault(parent, []).append(int(name))
    return children


def read_proc(path: str) -> bytes:
    """Return the contents of a file in /proc; empty if the process does not exist any more, or cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        chunks = []
        while chunk := os.read(fd, 1 << 16):
            chunks.append(chunk)
        return b"".join(chunks)
    except OSError:
        return b""
    finally:
        os.close(fd)
