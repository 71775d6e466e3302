"""The slot of one consumer on this machine: lock, process and running command.

A slot is a file in the home folder. Its consumer holds the lock of the file, and writes its pid and start time into the
file. With the start time, other processes can distinguish the consumer from a later process with the same pid.

The slot also records the command that the consumer runs. If SIGKILL ends a consumer, the command continues to run. The
process that finds the dead consumer ends the command before the task runs again.

Until a consumer begins its first task, the slot also contains the history of starts. `deaths` is the number of earlier
consecutive consumers that died before they began a task. `started` is the time of the last start. `log` is the size of
the log file at the first start.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from kubeque.clusters.restarts import FIRST_PAUSE_SECONDS, pause_between_starts

#: Folder of the slots below the home folder.
FLEET = "fleet"
#: Maximum seconds to wait for the end of a killed command. A command that hangs on a dead network disk never ends.
_KILL_SECONDS = 5.0
#: Maximum number of characters of the host in an owner name. The queue stores this name with each attempt.
_HOST_CHARACTERS = 20
#: Number of bytes that are read from the end of a log to find the last line.
_TAIL_BYTES = 8192
#: Keys of a slot that describe earlier starts.
_HISTORY = ("started", "deaths", "log")


def start_ticks(pid: int) -> str:
    """Return the start time of a process in kernel ticks since boot; empty if the process does not exist or is dead."""
    try:
        # Read bytes, because the kernel cuts the program's name after 15 bytes, even inside a character.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()
    except (OSError, IndexError):
        return ""
    return "" if fields[0] in b"ZX" else fields[19].decode("ascii")


def why_no_consumers() -> str:
    """Return a message about why consumers cannot run on this machine; empty if they can run."""
    if sys.platform == "linux" and start_ticks(os.getpid()):
        return ""
    found = {"linux": "there is no /proc", "darwin": "this is macOS"}.get(sys.platform, f"this is {sys.platform}")
    return (
        f"tasks run on this machine only under Linux with /proc, and {found}: give a cluster with --cluster or"
        " cluster_url, or submit on a machine with Linux"
    )


def machine() -> str:
    """Return a short digest of this machine and its current boot."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()
        return hashlib.sha256(host_name() + b" " + boot).hexdigest()[:10]
    return hashlib.sha256(host_name()).hexdigest()[:10]


def host_name() -> bytes:
    """Return the name of this machine, which need not be valid Unicode."""
    return os.fsencode(socket.gethostname())


def owner_name(pid: int | None = None, slot: int | None = None) -> str:
    """Return the owner name that a process (default: this process) writes into leases.

    The name is unique, because it contains the machine, the pid and the start time. After the machine, the name
    contains the number of the slot and the host name, for human readers.
    """
    pid = os.getpid() if pid is None else pid
    place = "" if slot is None else f".{slot}.{short_host_name()}"
    return f"local:{machine()}{place}:{pid}:{start_ticks(pid)}"


def short_host_name() -> str:
    """Return the first part of this machine's name, for owner names.

    Every character other than ASCII letters, digits, `_` and `-` becomes `-`.
    """
    first = host_name().partition(b".")[0].decode("ascii", errors="replace")
    return re.sub("[^A-Za-z0-9_-]", "-", first)[:_HOST_CHARACTERS] or "-"


def is_owner_here(owner: str) -> bool:
    """True if `owner` is the name of a consumer that ran on this machine since the last boot. It need not be alive."""
    kind, _, rest = owner.partition(":")
    return kind == "local" and rest.partition(":")[0].partition(".")[0] == machine()


def end_command(left: Mapping[str, object]) -> None:
    """Kill the command that a dead consumer left running, and wait up to 5 seconds until the command has ended.

    `left`: contents of the slot of the dead consumer. The command is identified by its pid and start time. So a later
    process with the same pid is never killed.
    """
    pid, start = left.get("command"), left.get("command_start")
    here = is_owner_here(str(left.get("owner", "")))  # pids of an earlier boot are meaningless
    if not isinstance(pid, int) or not start or not here:
        return
    end = time.monotonic() + _KILL_SECONDS
    while start_ticks(pid) == start and time.monotonic() < end:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        time.sleep(0.01)


class Slot:
    """The slot of one consumer in a fleet on this machine."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self.path = folder / f"{number}.slot"
        #: File with the output of the consumers of this slot.
        self.log = self.path.with_suffix(".log")
        #: Name of the slot, unique in the home folder.
        self.name = str(number) if folder.name == FLEET else f"{folder.name}-{number}"
        self._fd: int | None = None
        self._written: dict[str, object] = {}

    def take(self, patience_seconds: float = 3.0) -> bool:
        """Lock the slot until this process ends, and record this process as its consumer.

        If an earlier consumer is dead, its command is killed first. Return False if another process holds the lock for
        longer than `patience_seconds`.
        """
        if not self._lock(patience_seconds):
            return False
        if not self.alive():
            end_command(self.read())
        self.announce()
        return True

    def start(
        self, launch: Callable[[], int], pause_seconds: float = FIRST_PAUSE_SECONDS, patience_seconds: float = 3.0
    ) -> bool:
        """Start a consumer if the slot has no live consumer. Return True if a consumer was started.

        `launch`: function that starts a consumer and returns its pid. `pause_seconds`: minimum time between the start
        of a consumer that died and the next start. Each further death doubles this time. `patience_seconds`: maximum
        time to wait for the lock of the slot.

        The pid is written while the lock is held, so only one of several processes starts a consumer.
        """
        if not self._lock(patience_seconds):
            return False  # a consumer, or another process that starts one, holds the lock
        try:
            if self.alive():
                return False
            content, deaths = self.read(), self.deaths()
            if self.seconds_since_start() < pause_between_starts(deaths, pause_seconds):
                return False
            end_command(content)
            since = content.get("log") if deaths else self.log.stat().st_size if self.log.exists() else 0
            pid = launch()
            self._write({**self._identify(pid), "started": time.time(), "deaths": deaths, "log": since})
            return True
        finally:
            self._unlock()

    @contextmanager
    def while_free(self, patience_seconds: float) -> Iterator[bool]:
        """Hold the lock of the slot in the `with` block, so that no consumer starts. Yield True if the slot is free.

        Yield False if a consumer uses the slot. A slot without a file counts as used, because its
        consumer may still run.
        """
        if self.alive() or not self.path.exists() or not self._lock(patience_seconds):
            yield False
            return
        try:
            yield not self.alive()
        finally:
            self._unlock()

    def _lock(self, patience_seconds: float) -> bool:
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        end = time.monotonic() + patience_seconds
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    os.close(fd)
                    return False
                time.sleep(0.05)
            else:
                self._fd = fd
                return True

    def _unlock(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def there(self) -> bool:
        """True if this process holds the lock and the file of the slot was not deleted."""
        return self._fd is not None and os.fstat(self._fd).st_nlink > 0

    def announce(self) -> None:
        """Record this process as the consumer of the slot. The history of starts stays until the first task."""
        content = self.read()
        self._write({**self._identify(os.getpid()), **{key: content[key] for key in _HISTORY if key in content}})

    def leave(self) -> None:
        """Record that the slot has no consumer. This process keeps the lock, and can call `announce` again."""
        self._write({})

    def journal(self, task: dict[str, object]) -> None:
        """Record the next task of the consumer. If the consumer dies, other processes read this record."""
        self._write({**self._identify(os.getpid()), **task})

    def runs(self, pid: int) -> None:
        """Record the process that runs the current command. `pid`: its pid, and also the id of its process group."""
        if start := start_ticks(pid):  # empty if the process has already ended
            self._write({**self._written, "command": pid, "command_start": start})

    def _identify(self, pid: int) -> dict[str, object]:
        return {"owner": owner_name(pid, self.number), "pid": pid, "start": start_ticks(pid)}

    def _write(self, content: dict[str, object]) -> None:
        self._written = content
        if self._fd is not None:
            data = json.dumps(content).encode()
            os.pwrite(self._fd, data, 0)
            os.ftruncate(self._fd, len(data))

    def read(self) -> dict[str, object]:
        """Return the contents of the slot; empty if the slot has no contents."""
        try:
            content = json.loads(self.path.read_bytes() or b"{}")
        except (OSError, ValueError):
            return {}  # the file was deleted, or was read during a write; a later call succeeds
        return content if isinstance(content, dict) else {}

    def alive(self) -> bool:
        """True if a consumer runs in the slot."""
        content = self.read()
        return bool(content.get("start")) and start_ticks(int(str(content["pid"]))) == content["start"]

    def deaths(self) -> int:
        """Return the number of consecutive consumers that died before their first task, up to now.

        A consumer that ended by itself without a task is not counted.
        """
        content = self.read()
        return int(_number(content, "deaths")) + (not self.alive()) if "started" in content else 0

    def seconds_since_start(self) -> float:
        """Return the seconds since the last start of a consumer in this slot.

        Return infinity if a task has begun after this start, or if the clock was set back.
        """
        started = _number(self.read(), "started")
        return time.time() - started if 0 < started <= time.time() else math.inf

    def last_line(self) -> str:
        """Return the last log line of the consumers that `deaths` counts; empty if they wrote nothing."""
        try:
            with open(self.log, "rb") as file:
                size, since = os.fstat(file.fileno()).st_size, int(_number(self.read(), "log"))
                file.seek(max(size - _TAIL_BYTES, since if since <= size else 0))
                lines = file.read(_TAIL_BYTES).decode(errors="replace").split("\n")
        except OSError:
            return ""
        return next((line for line in reversed(lines) if line.strip()), "")


def _number(content: Mapping[str, object], key: str) -> float:
    """Return the number under a key in the contents of a slot; 0 if it is missing or not valid."""
    value = content.get(key)
    return value if isinstance(value, int | float) and 0 <= value < 1 << 53 else 0
