"""Consumers as processes on this machine: one fleet for all jobs, one slot for each consumer.

Consumers outlive the command that started them.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import signal
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
from kubeque.clusters.environment_files import Environments
from kubeque.clusters.home_folder import has_key_since, home_key, make_home, open_private
from kubeque.clusters.in_pod import start_with_queue
from kubeque.clusters.machine import Machine, declare_gpus, gpu_devices, this_machine
from kubeque.clusters.restarts import FIRST_PAUSE_SECONDS, MANY_DEATHS, RECENT_SECONDS
from kubeque.clusters.slot import FLEET, Slot, end_command, host_name, is_owner_here, start_ticks, why_no_consumers
from kubeque.model.config.config import default_queue_url
from kubeque.model.config.config_file import hide_password
from kubeque.model.errors import ClusterError, UserError
from kubeque.model.job.causes import Death
from kubeque.model.job.counts import Tally
from kubeque.model.job.eviction import Eviction
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.text import MESSAGE_CHARACTERS, one_line, strip_controls
from kubeque.model.wording import command

#: Pattern of the digest of a login at the end of a fleet's name.
_LOGIN = re.compile("[0-9a-f]{8}")
#: Seconds after `stop` sends SIGTERM, after which the consumers that still run are killed.
_STOP_SECONDS = 15.0


class LocalCluster:
    """The cluster of all consumers of one home folder on this machine."""

    def __init__(
        self, home: Path, queue_url: str, *, linger_seconds: float = 5.0, gpus: Sequence[str] = (),
        pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:  # fmt: skip
        """Open the cluster of a home folder. Nothing is created.

        `linger_seconds`: seconds without work after which a consumer ends. `gpus`: GPU devices of this machine; empty
        for the devices that nvidia-smi lists. `pause_seconds`: minimum time between the start of a consumer that died
        and the next start in its slot. Each further death doubles this time.
        """
        self._pause_seconds = pause_seconds
        self._gpus = tuple(gpus)
        self._home = home
        self._queue_url = queue_url
        self._linger_seconds = linger_seconds
        self.folder = home / FLEET
        self.environments = Environments(home)

    @property
    def url(self) -> str:
        return "local"

    @property
    def runs_images(self) -> bool:
        return False

    def capacity(self, *, gpus: bool = False) -> Machine:
        if why := why_no_consumers():
            raise UserError(why)
        found = this_machine()
        return replace(found, gpus=self._gpus or gpu_devices(self.folder)) if gpus else found

    @property
    def start_hint(self) -> str:
        starts = "Nothing has to be started: consumers start with a job and leave when there is nothing to do."
        return why_no_consumers() or starts

    def prepare(self) -> None:
        make_home(self._home)

    def check(self, spec: JobSpec) -> tuple[str, ...]:
        """Accept every job, because processes on this machine need no image and no permission."""
        return ()

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
        return max(1, min(tasks, math.ceil(self.capacity().cores)))

    def slots(self) -> list[Slot]:
        """Return all slots with a file, also those without a consumer, sorted by fleet and number."""
        found = [path for pattern in ("*.slot", "*/*.slot") for path in self.folder.glob(pattern)]
        numbers = sorted((path.parent, int(path.stem)) for path in found if path.stem.isdigit())
        return [Slot(folder, number) for folder, number in numbers]

    def has_keeper(self, job: Job) -> bool:
        return False

    def _slots_of(self, fleet: str) -> list[Slot]:
        folder = slot_folder(self._home, fleet) if fleet.startswith(fleet_name(self._home)) else None
        return [slot for slot in self.slots() if slot.path.parent == folder]

    def consumers(self, fleet: str) -> list[ConsumerStatus]:
        alive = [slot for slot in self._slots_of(fleet) if slot.alive()]
        return [ConsumerStatus(str(slot.read().get("owner", ""))) for slot in alive]

    def count_running(self) -> int:
        return sum(slot.alive() for slot in self.slots())

    def fixes(self) -> str:
        return ""

    def ensure(self, job: Job, spec: JobSpec, waiting: dict[int, Tally]) -> int:
        left = sum(tally.pending + tally.running for tally in waiting.values())
        wanted = min(max(job.consumers, 1), left)
        folder = slot_folder(self._home, job.fleet)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            declare_gpus(self.folder, self._gpus)
            free = [slot for slot in (Slot(folder, number) for number in range(wanted)) if not slot.alive()]
            launch = self._launcher(job, spec) if free else None
            return sum(slot.start(partial(launch, slot), self._pause_seconds) for slot in free if launch)
        except OSError as error:
            raise ClusterError(f"no consumer could be started in {self._home}: {error.strerror}") from error

    def _launcher(self, job: Job, spec: JobSpec) -> Callable[[Slot], int]:
        """Return a function that starts a consumer for a job in a slot, and returns the pid of the consumer.

        Raises ClusterError if this process cannot start consumers of the job's fleet.
        """
        urls = [job.url, *(item.url for item in [*spec.inputs, *spec.row_inputs.values()])]
        base = fleet_name(self._home)
        if not job.fleet.startswith(base):
            raise ClusterError(
                f"{job.name} was submitted on another machine, under another host name or with another KUBEQUE_HOME:"
                " its consumers start there"
            )
        if why := why_no_consumers():
            raise ClusterError(why)
        own = self.fleet(job.name, urls)
        # Two logins can only be compared if the key of the home folder has not changed since the submission.
        if job.fleet not in (base, own) and (own == base or has_key_since(self.folder, job.created)):
            raise ClusterError(
                f"{job.name} was submitted with another login for its queue or store: its consumers start from a shell"
                f" with that login, or {command('reset', job.name, 'update')} continues it with this one"
            )
        environ = consumer_environment(os.environ, [self._queue_url, *urls])
        return partial(self._launch, job.fleet, environ)

    def _launch(self, fleet: str, environ: Mapping[str, str], slot: Slot) -> int:
        words = [
            sys.executable, "-m", "kubeque.consumer", "--fleet", fleet, "--home", str(self._home),
            "--slot", str(slot.number), "--linger", str(self._linger_seconds),
        ]  # fmt: skip
        with open(slot.log, "ab", opener=open_private) as log:
            # The process outlives this process, so nothing waits for its end.
            return start_with_queue(words, self._queue_url, stdout=log, stderr=log, cwd=self._home, env=environ).pid

    def objects(self, job: Job, *, fresh: bool = False) -> None:
        """Return None, because consumers on this machine are plain processes."""

    def place(self) -> str:
        return ""

    def evictions(self, job: Job) -> list[Eviction]:
        """Return [], because consumers on this machine are never evicted."""
        return []

    def find_death(self, owner: str) -> Death | None:
        _, pid, start, *_ = [*owner.split(":")[1:], "", "", ""]
        if not is_owner_here(owner) or not pid.isdigit() or start_ticks(int(pid)) == start:
            return None
        for slot in self.slots():
            content = slot.read()
            if content.get("owner") == owner and isinstance(content.get("index"), int):
                end_command(content)
                return Death(running=int(str(content["index"])))
        return Death()

    def standstill(self, job: Job) -> Standstill:
        """Return a message about the slot whose consumers died most often before their first task.

        While other consumers work, only slots with a recent start count.
        """
        slots = self._slots_of(job.fleet)
        works = any(slot.alive() and slot.deaths() < MANY_DEATHS for slot in slots)
        failed = [
            slot for slot in slots
            if slot.deaths() >= MANY_DEATHS and (not works or slot.seconds_since_start() < RECENT_SECONDS)
        ]  # fmt: skip
        if not failed:
            return Standstill()
        worst = max(failed, key=Slot.deaths)
        last = one_line(hide_password(strip_controls(worst.last_line())), MESSAGE_CHARACTERS)
        ends = f"{worst.log} ends with: {last}" if last else f"{worst.log} has no line from them"
        return Standstill((f"the last {worst.deaths()} consumers died before their first task; {ends}",))

    def finish(self, job: Job, *, removed: bool = False) -> None:
        """Do nothing, because consumers without work end by themselves or serve the next job."""

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
    """Return the number and the folder of an attempt of a task on this machine; None without such a folder.

    `attempt`: number of the attempt; None for the last attempt. The folder contains the streams `stdout` and `stderr`.
    The folder exists while the attempt runs. If the consumer is killed, the folder stays until abandoned folders are
    removed.
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

    `login`: digest of the login of the consumers; empty if the consumers need no login.
    """
    name = f"local-{hashlib.sha256(host_name() + b' ' + os.fsencode(home)).hexdigest()[:10]}"
    return f"{name}-{login}" if login else name


def slot_folder(home: Path, fleet: str) -> Path:
    """Return the folder of the slots of a fleet."""
    login = fleet.removeprefix(f"{fleet_name(home)}-")
    return home / FLEET / login if _LOGIN.fullmatch(login) else home / FLEET
