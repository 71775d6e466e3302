"""Consumers as processes on this machine: one fleet for all jobs, one slot for each consumer.

A slot is a file in `{home}/fleet`. Its consumer holds the lock and writes pid and start time into it, so that other
processes can distinguish a live consumer from a reused pid. Consumers outlive the command that started them.

The slot also records the command that the consumer runs. A consumer killed by SIGKILL leaves that command running; the
process that finds the dead consumer ends the command before the task is handed out again.
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
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from kubeque import __version__
from kubeque.clusters.base import ConsumerStatus, Permission, Standstill
from kubeque.clusters.consumer_environment import consumer_environment, login_digest
from kubeque.clusters.environments import Environments
from kubeque.clusters.home_folder import home_key, make_home, open_private
from kubeque.clusters.in_pod import start_with_queue
from kubeque.clusters.machine import Machine, declare_gpus, gpu_devices, this_machine
from kubeque.model.config.config import default_queue_url
from kubeque.model.errors import ClusterError
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.job.task import Death, Tally

#: Folder of the slots below the home folder.
_FLEET = "fleet"
#: Digest of a login in the name of a fleet.
_LOGIN = re.compile("[0-9a-f]{8}")
#: Seconds that consumers have to leave on `stop` before they are killed.
_STOP_SECONDS = 15.0
#: Seconds to wait for a killed command. One that hangs on a dead network disk may never end.
_KILL_SECONDS = 5.0


def start_ticks(pid: int) -> str:
    """Return the start of a process in kernel ticks since boot; empty if it does not exist or is dead."""
    try:
        # Bytes: the kernel cuts the program's name after 15 bytes, which may be within a letter.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()
    except (OSError, IndexError):
        return ""
    return "" if fields[0] in b"ZX" else fields[19].decode("ascii")


def machine() -> str:
    """Return a short digest of this machine and its current boot."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()
        return hashlib.sha256(_host_name() + b" " + boot).hexdigest()[:10]
    return hashlib.sha256(_host_name()).hexdigest()[:10]


def _host_name() -> bytes:
    return os.fsencode(socket.gethostname())


def owner_name(pid: int | None = None) -> str:
    """Return the owner that a process (default: this one) writes into leases: unique by machine, pid and start time."""
    pid = os.getpid() if pid is None else pid
    return f"local:{machine()}:{pid}:{start_ticks(pid)}"


def end_command(left: Mapping[str, object]) -> None:
    """Kill the command that a dead consumer left running, and wait for its end. `left`: contents of the consumer's
    slot.

    The command is identified by pid and start time, so that a process with a reused pid is never killed.
    """
    pid, start = left.get("command"), left.get("command_start")
    here = str(left.get("owner", "")).startswith(f"local:{machine()}:")  # pids of another boot are meaningless
    if not isinstance(pid, int) or not start or not here:
        return
    end = time.monotonic() + _KILL_SECONDS
    while start_ticks(pid) == start and time.monotonic() < end:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        time.sleep(0.01)


class Slot:
    """Slot of one consumer in the fleet of a machine."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self.path = folder / f"{number}.slot"
        #: Unique in the home folder.
        self.name = str(number) if folder.name == _FLEET else f"{folder.name}-{number}"
        self._fd: int | None = None
        self._written: dict[str, object] = {}

    def take(self, patience_seconds: float = 3.0) -> bool:
        """Lock the slot for the life of this process. Returns False if another consumer has it."""
        if not self._lock(patience_seconds):
            return False
        if not self.alive():
            end_command(self.read())
        self.announce()
        return True

    def start(self, launch: Callable[[], int], patience_seconds: float = 3.0) -> bool:
        """Start a consumer in the slot unless it has one; `launch` returns its pid. Returns True if one was started.

        The pid is recorded under the lock. If several processes find the slot free, only one of them starts a consumer.
        """
        if not self._lock(patience_seconds):
            return False  # its consumer has not left after all
        try:
            if self.alive():
                return False
            end_command(self.read())
            pid = launch()
            self._write({"owner": owner_name(pid), "pid": pid, "start": start_ticks(pid)})
            return True
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
        """Record this process as the slot's consumer."""
        self._write({"owner": owner_name(), "pid": os.getpid(), "start": start_ticks(os.getpid())})

    def leave(self) -> None:
        """Record that the slot is free. The lock stays until this process ends or announces itself again."""
        self._write({})

    def journal(self, task: dict[str, object]) -> None:
        """Record the task that the consumer is about to run, for the case of its death."""
        self._write({"owner": owner_name(), "pid": os.getpid(), "start": start_ticks(os.getpid()), **task})

    def runs(self, pid: int) -> None:
        """Record in the journal the process that runs the current command. It leads its own process group."""
        if start := start_ticks(pid):  # not if it has ended already
            self._write({**self._written, "command": pid, "command_start": start})

    def _write(self, content: dict[str, object]) -> None:
        self._written = content
        if self._fd is not None:
            data = json.dumps(content).encode()
            os.pwrite(self._fd, data, 0)
            os.ftruncate(self._fd, len(data))

    def read(self) -> dict[str, object]:
        """Return the contents of the slot; empty if it has none."""
        try:
            content = json.loads(self.path.read_bytes() or b"{}")
        except (OSError, ValueError):
            return {}  # gone, or read during a write: the next call succeeds
        return content if isinstance(content, dict) else {}

    def alive(self) -> bool:
        """True if a consumer runs in the slot."""
        content = self.read()
        return bool(content.get("start")) and start_ticks(int(str(content["pid"]))) == content["start"]


class LocalCluster:
    """Cluster of the consumers of one home folder on this machine."""

    def __init__(self, home: Path, queue_url: str, *, linger_seconds: float = 5.0, gpus: Sequence[str] = ()) -> None:
        """`gpus`: the devices of this machine; empty for those that nvidia-smi lists."""
        self._gpus = tuple(gpus)
        self._home = home
        self._queue_url = queue_url
        self._linger_seconds = linger_seconds
        self.folder = home / _FLEET
        self.environments = Environments(home)

    @property
    def url(self) -> str:
        return "local"

    @property
    def runs_images(self) -> bool:
        return False

    def capacity(self, *, gpus: bool = False) -> Machine | None:
        found = this_machine()
        return replace(found, gpus=self._gpus or gpu_devices(self.folder)) if gpus else found

    @property
    def start_hint(self) -> str:
        return "Nothing has to be started: consumers start with a job and leave when there is nothing to do."

    def prepare(self) -> None:
        make_home(self._home)

    def check(self, spec: JobSpec) -> None:
        """Accept every job: processes of this machine need no image and no permission."""

    def permissions(self) -> list[Permission]:
        return []

    @property
    def consumer_version(self) -> str:
        return __version__

    def why_unkept(self, spec: JobSpec) -> str:
        return ""

    def fleet(self, job_name: str, urls: Iterable[str] = ()) -> str:
        queue_url = "" if self._queue_url == default_queue_url(self._home) else self._queue_url
        return fleet_name(self._home, login_digest(os.environ, queue_url, urls, partial(home_key, self.folder)))

    def default_consumers(self, tasks: int) -> int:
        return max(1, min(tasks, math.ceil(this_machine().cores)))

    def slots(self) -> list[Slot]:
        """Return all slots that were ever used, those of each fleet in order."""
        found = [path for pattern in ("*.slot", "*/*.slot") for path in self.folder.glob(pattern)]
        numbers = sorted((path.parent, int(path.stem)) for path in found if path.stem.isdigit())
        return [Slot(folder, number) for folder, number in numbers]

    def has_keeper(self, job: Job) -> bool:
        return False

    def consumers(self, fleet: str) -> list[ConsumerStatus]:
        folder = slot_folder(self._home, fleet)
        own = [slot for slot in self.slots() if slot.path.parent == folder and slot.alive()]
        return [ConsumerStatus(str(slot.read().get("owner", ""))) for slot in own]

    def ensure(self, job: Job, spec: JobSpec, waiting: dict[int, Tally]) -> int:
        left = sum(tally.pending + tally.running for tally in waiting.values())
        wanted = min(max(job.consumers, 1), left)
        folder = slot_folder(self._home, job.fleet)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            declare_gpus(self.folder, self._gpus)
            free = [slot for slot in (Slot(folder, number) for number in range(wanted)) if not slot.alive()]
            launch = self._launcher(job, spec) if free else None
            return sum(slot.start(partial(launch, slot)) for slot in free if launch)
        except OSError as error:
            raise ClusterError(f"no consumer could be started in {self._home}: {error.strerror}") from error

    def _launcher(self, job: Job, spec: JobSpec) -> Callable[[Slot], int]:
        """Return a function that starts a consumer for a job and returns its pid.

        Raises ClusterError if this process cannot start the consumers of its fleet.
        """
        urls = [job.url, *(item.url for item in [*spec.inputs, *spec.row_inputs.values()])]
        base = fleet_name(self._home)
        if not job.fleet.startswith(base):
            raise ClusterError(
                f"{job.name} was submitted on another machine, under another host name or with another KUBEQUE_HOME:"
                " its consumers start there"
            )
        if job.fleet not in (base, self.fleet(job.name, urls)):
            raise ClusterError(
                f"{job.name} was submitted with another login for its queue or store: its consumers start from a shell"
                f" with that login, or kubeque reset {job.name} --update continues it with this one"
            )
        environ = consumer_environment(os.environ, [self._queue_url, *urls])
        return partial(self._launch, job.fleet, environ)

    def _launch(self, fleet: str, environ: Mapping[str, str], slot: Slot) -> int:
        words = [
            sys.executable, "-m", "kubeque.consumer", "--fleet", fleet, "--home", str(self._home),
            "--slot", str(slot.number), "--linger", str(self._linger_seconds),
        ]  # fmt: skip
        with open(slot.path.with_suffix(".log"), "ab", opener=open_private) as log:
            # The process is not waited for: it outlives this one.
            return start_with_queue(words, self._queue_url, stdout=log, stderr=log, cwd=self._home, env=environ).pid

    def find_death(self, owner: str) -> Death | None:
        kind, _, rest = owner.partition(":")
        where, _, rest = rest.partition(":")
        pid, _, start = rest.partition(":")
        if kind != "local" or where != machine() or not pid.isdigit() or start_ticks(int(pid)) == start:
            return None
        for slot in self.slots():
            content = slot.read()
            if content.get("owner") == owner and isinstance(content.get("index"), int):
                end_command(content)
                return Death(running=int(str(content["index"])))
        return Death()

    def standstill(self, job: Job) -> Standstill:
        return Standstill()

    def finish(self, job: Job) -> None:
        """Do nothing: idle consumers leave by themselves or serve the next job."""

    def stop(self) -> int:
        running = [slot for slot in self.slots() if slot.alive()]
        for slot in running:
            with suppress(ProcessLookupError):
                os.kill(int(str(slot.read().get("pid", 0))) or -(1 << 30), signal.SIGTERM)
        end = time.monotonic() + _STOP_SECONDS
        while any(slot.alive() for slot in running) and time.monotonic() < end:
            time.sleep(0.05)
        for slot in running:
            if slot.alive():
                left = slot.read()
                with suppress(ProcessLookupError):
                    os.kill(int(str(left["pid"])), signal.SIGKILL)
                end_command(left)
        return len(running)


def attempt_folder(home: Path, uid: str, index: int, attempt: int | None = None) -> tuple[int, Path] | None:
    """Return number and folder of an attempt on this machine; None if there is none.

    `attempt`: its number; None for the last one. The folder has the streams `stdout` and `stderr`. It exists while the
    attempt runs, and stays if its consumer was killed.
    """
    found = {
        int(number): path
        for path in (home / "work").glob(f"*/{uid}-{index}-*-*")
        if (number := path.name.split("-")[2]).isdigit()
    }
    if attempt is None:
        return max(found.items(), default=None)
    return (attempt, found[attempt]) if attempt in found else None


def fleet_name(home: Path, login: str = "") -> str:
    """Return the name of a fleet of a home folder on this machine.

    `login`: digest of the login of its consumers; empty if they need none.
    """
    name = f"local-{hashlib.sha256(_host_name() + b' ' + os.fsencode(home)).hexdigest()[:10]}"
    return f"{name}-{login}" if login else name


def slot_folder(home: Path, fleet: str) -> Path:
    """Return the folder of the slots of a fleet."""
    login = fleet.removeprefix(f"{fleet_name(home)}-")
    return home / _FLEET / login if _LOGIN.fullmatch(login) else home / _FLEET
