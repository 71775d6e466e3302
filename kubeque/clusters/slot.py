"""The slot of one consumer on this machine: lock, process and running command.

A slot is a file in the home folder. Its consumer holds the lock of the file, and writes pid and start time into the
file. With the start time, other processes can distinguish a live consumer from a reused pid.

The slot also records the command that the consumer runs. If SIGKILL ends a consumer, the command continues to run. The
process that finds the dead consumer ends the command before the task runs again.

Until a consumer begins its first task, the slot also has the history of starts. `deaths` is the number of consecutive
consumers that died before they began a task. `started` is the time of the last start. `log` is the size of the log at
the first start.
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
#: Seconds to wait for a killed command. A command that hangs on a dead network disk may never end.
_KILL_SECONDS = 5.0
#: Maximum number of characters of the host in an owner name. Each attempt in the queue has this name.
_HOST_CHARACTERS = 20
#: Number of bytes to read from the end of a log to find the last line.
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
    """Return why consumers cannot run on this machine; empty if they can run."""
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

    The name is unique, because it has the machine, the pid and the start time. Behind the machine it has the number of
    the slot and the name of the host, for people.
    """
    pid = os.getpid() if pid is None else pid
    place = "" if slot is None else f".{slot}.{_short_host_name()}"
    return f"local:{machine()}{place}:{pid}:{start_ticks(pid)}"


def _short_host_name() -> str:
    """Return the first part of this machine's name, for owner names.

    All except letters, digits, `_` and `-` become `-`.
    """
    first = host_name().partition(b".")[0].decode("ascii", errors="replace")
    return re.sub("[^A-Za-z0-9_-]", "-", first)[:_HOST_CHARACTERS] or "-"


def is_owner_here(owner: str) -> bool:
    """True if the owner name is of a consumer on this machine since the last boot. The consumer need not be alive."""
    kind, _, rest = owner.partition(":")
    return kind == "local" and rest.partition(":")[0].partition(".")[0] == machine()


def end_command(left: Mapping[str, object]) -> None:
    """Kill the command that a dead consumer left running, and wait until the command has ended.

    `left`: contents of the slot of the dead consumer. The command is identified by pid and start time, so that a
    process with a reused pid is never killed.
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
        """Lock the slot until this process ends. Return False if a different consumer holds the lock."""
        if not self._lock(patience_seconds):
            return False
        if not self.alive():
            end_command(self.read())
        self.announce()
        return True

    def start(
        self, launch: Callable[[], int], pause_seconds: float = FIRST_PAUSE_SECONDS, patience_seconds: float = 3.0
    ) -> bool:
        """Start a consumer in the slot unless the slot has a live consumer. Return True if a consumer was started.

        `launch`: function that starts a consumer and returns its pid. `pause_seconds`: minimum time between the start
        of a consumer that died and the next start. Each further death doubles this time.
        The pid is written under the lock, so that only one of several processes starts a consumer.
        """
        if not self._lock(patience_seconds):
            return False  # the consumer has not left after all
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
        """Hold the lock of the slot in this block, so that no consumer starts. Yield False if a consumer has the slot.

        A slot without a file counts as not free, because its consumer may still run.
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
        """True if the locked file is still in its folder."""
        return self._fd is not None and os.fstat(self._fd).st_nlink > 0

    def announce(self) -> None:
        """Record this process as the consumer of the slot. The history of starts stays until the first task."""
        content = self.read()
        self._write({**self._identify(os.getpid()), **{key: content[key] for key in _HISTORY if key in content}})

    def leave(self) -> None:
        """Record that the slot is free. The lock stays until this process ends or announces itself again."""
        self._write({})

    def journal(self, task: dict[str, object]) -> None:
        """Record the task that the consumer is about to run, so that other processes know it if the consumer dies."""
        self._write({**self._identify(os.getpid()), **task})

    def runs(self, pid: int) -> None:
        """Record the pid of the process that runs the current command. The process leads its own process group."""
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
            return {}  # the file is gone, or was read during a write; the next call succeeds
        return content if isinstance(content, dict) else {}

    def alive(self) -> bool:
        """True if a consumer runs in the slot."""
        content = self.read()
        return bool(content.get("start")) and start_ticks(int(str(content["pid"]))) == content["start"]

    def deaths(self) -> int:
        """Return the number of consecutive consumers that died before their first task.

        Consumers that left without a task are not counted.
        """
        content = self.read()
        return int(_number(content, "deaths")) + (not self.alive()) if "started" in content else 0

    def seconds_since_start(self) -> float:
        """Return the seconds since the last start; infinite if the consumer had a task or the clock was set back."""
        started = _number(self.read(), "started")
        return time.time() - started if 0 < started <= time.time() else math.inf

    def last_line(self) -> str:
        """Return the last line in the log of the consumers that `deaths` counts.

        Return an empty text if they logged nothing.
        """
        try:
            with open(self.log, "rb") as file:
                size, since = os.fstat(file.fileno()).st_size, int(_number(self.read(), "log"))
                file.seek(max(size - _TAIL_BYTES, since if since <= size else 0))
                lines = file.read(_TAIL_BYTES).decode(errors="replace").split("\n")
        except OSError:
            return ""
        return next((line for line in reversed(lines) if line.strip()), "")


def _number(content: Mapping[str, object], key: str) -> float:
    """Return the number that a slot has under a key; 0 if the slot has no valid number there."""
    value = content.get(key)
    return value if isinstance(value, int | float) and 0 <= value < 1 << 53 else 0
