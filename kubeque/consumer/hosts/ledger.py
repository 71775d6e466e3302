"""The ledger of one machine: the cores, memory and GPUs that the running tasks of one home folder use.

A file has an entry for each task that runs or waits. All consumers of the home folder change this file under a lock.
The entry of a dead consumer is ignored, so that its resources are free again.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from kubeque.clusters.machine import Machine, gpu_devices
from kubeque.clusters.slot import start_ticks
from kubeque.lazy_dataclass import dataclass

#: First and longest pause between two checks whether the resources of a task are free, seconds.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.2
#: Number of cores by which a sum of cores may exceed the limit. Cores are fractions, and their sums are not exact.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Need:
    """The resources that one task needs. A resource with the value 0 is ignored."""

    cores: float = 0.0
    #: Bytes of memory.
    memory: int = 0
    gpus: int = 0

    def within(self, machine: Machine) -> Need:
        """Return this need, with each resource limited to the amount that the whole machine has."""
        return Need(min(self.cores, machine.cores), min(self.memory, machine.memory), min(self.gpus, len(machine.gpus)))


@dataclass(frozen=True, slots=True)
class Entry:
    """A task that runs, or that waits until the resources that it needs are free."""

    #: Pid of the consumer.
    pid: int
    #: Start of the consumer in clock ticks. It distinguishes the consumer from a later process with the same pid.
    start: str
    need: Need
    #: Time at which the task began to wait, seconds of the machine's monotonic clock.
    since: float
    #: The GPUs that the task uses; None while the task waits.
    devices: tuple[str, ...] | None = None

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Entry:
        devices = wire["devices"]
        return cls(
            int(wire["pid"]), str(wire["start"]), Need(**wire["need"]), float(wire["since"]),
            None if devices is None else tuple(map(str, devices)),
        )  # fmt: skip


def admit(others: Iterable[Entry], entry: Entry, machine: Machine) -> tuple[str, ...] | None:
    """Return the GPUs with which the task of `entry` may run now; None if the task has to wait.

    `others`: entries of the other tasks. The resources of running tasks, and of tasks that have waited longer, count as
    used. So the task with the longest wait gets the next free resources, even if it needs many.
    """
    ahead = [other for other in others if other.devices is not None or other.since < entry.since]
    need = entry.need
    used = Need(
        sum(other.need.cores for other in ahead), sum(other.need.memory for other in ahead),
        sum(other.need.gpus for other in ahead),
    )  # fmt: skip
    fits = (
        (not need.cores or used.cores + need.cores <= machine.cores + _ROUNDING)
        and (not need.memory or used.memory + need.memory <= machine.memory)
        and (not need.gpus or used.gpus + need.gpus <= len(machine.gpus))
    )
    taken = {device for other in ahead for device in other.devices or ()}
    free = [device for device in machine.gpus if device not in taken]
    return tuple(free[: need.gpus]) if fits and len(free) >= need.gpus else None


class Ledger:
    """The ledger of a home folder: counts the resources that tasks use."""

    def __init__(self, folder: Path, machine: Machine) -> None:
        """`folder`: folder with the file of the ledger. `machine`: cores and memory that the tasks share."""
        self._folder = folder
        self._path = folder / "ledger.json"
        self._machine = machine

    @contextmanager
    def hold(self, need: Need, stopped: Callable[[], bool]) -> Iterator[Sequence[str]]:
        """Wait until the resources in `need` are free, and count them as used during the `with` block.

        Yields the GPUs for the task. If `stopped` returns True before the resources are free, yields ().
        """
        if need == Need():
            yield ()
            return
        if need.gpus > len(self._machine.gpus):  # found only now: most tasks need no GPU, and nvidia-smi is slow
            self._machine = replace(self._machine, gpus=gpu_devices(self._folder))
        pid = os.getpid()
        entry = Entry(pid, start_ticks(pid), need.within(self._machine), time.monotonic())
        try:
            yield self._wait(entry, stopped)
        finally:
            self._change(lambda others: list(others))

    def _wait(self, entry: Entry, stopped: Callable[[], bool]) -> Sequence[str]:
        pause = _FIRST_PAUSE
        while True:
            devices = self._enter(entry)
            if devices is not None:
                return devices
            if stopped():
                return ()
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _enter(self, entry: Entry) -> tuple[str, ...] | None:
        devices: tuple[str, ...] | None = None

        def change(others: Sequence[Entry]) -> list[Entry]:
            nonlocal devices
            devices = admit(others, entry, self._machine)
            return sorted([*others, replace(entry, devices=devices)], key=lambda entry: entry.since)

        self._change(change)
        return devices

    def _change(self, change: Callable[[Sequence[Entry]], list[Entry]]) -> None:
        """Replace all entries in the file by the result of `change`, under the lock.

        `change` gets the entries of the other consumers that are alive.
        """
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            before = _parse(os.pread(fd, os.fstat(fd).st_size, 0))
            mine = os.getpid()
            entries = change([entry for entry in before if entry.pid != mine and start_ticks(entry.pid) == entry.start])
            if entries != before:
                data = json.dumps([asdict(entry) for entry in entries]).encode() + b"\n"
                os.pwrite(fd, data, 0)
                os.ftruncate(fd, len(data))
        finally:
            os.close(fd)


def _parse(data: bytes) -> list[Entry]:
    """Return the entries in the contents of the file; none if they are damaged, for example after the disk was full.

    Only the first line counts. A consumer writes the new entries over the old ones. If the old ones were longer, their
    end stays behind the first line until the consumer cuts it off. The consumer may be killed before that.
    """
    try:
        return [Entry.from_wire(wire) for wire in json.loads(data.split(b"\n")[0] or b"[]")]
    except (ValueError, TypeError, KeyError):
        return []
