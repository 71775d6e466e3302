"""The cores, memory and GPUs of this machine that this process can use."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from kubeque.lazy_dataclass import dataclass

#: Time limit of nvidia-smi in seconds, because a broken driver can block it.
_PROBE_SECONDS = 10.0
#: Name of the file with the GPU devices from the configuration.
_DEVICES = "gpus.txt"
#: Number of bytes from which a memory limit means "no limit". cgroup v1 writes about 2**63 for "no limit", and no
#: machine has 2**60 bytes.
_NO_LIMIT = 1 << 60


@dataclass(frozen=True, slots=True)
class Machine:
    """The resources of one machine, shared by its tasks."""

    cores: float
    #: Memory in bytes.
    memory: int
    #: GPU devices, as CUDA_VISIBLE_DEVICES names them.
    gpus: tuple[str, ...] = ()


def runs_consumers() -> bool:
    """True if consumers can run on this system: under Linux with /proc."""
    return sys.platform == "linux" and Path("/proc/self/stat").exists()


def this_machine(folder: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> Machine:
    """Return the cores and the memory that this process can use under its CPU affinity and its cgroups.

    `folder`: folder where the cgroups are mounted. `own`: file with the cgroups of this process (cgroups(7)). The
    result contains no GPUs: `gpu_devices` returns them.
    """
    groups = list(_own_groups(folder, own))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    return Machine(
        cores=min([cores, *_quotas(groups)]),
        memory=min([memory, *_memory_limits(groups)]),
    )


def _own_groups(folder: Path, own: Path) -> Iterator[Path]:
    """Yield the folders of this process's cgroups and of their parents, for both cgroup v1 and v2."""
    try:
        lines = own.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(b":", 2)
        roots = [folder] if not controllers else [folder / os.fsdecode(name) for name in controllers.split(b",")]
        inner = Path(os.fsdecode(path.strip(b"/")))
        for root in roots:
            # In a container, the path is often a path of the host. The mounted folder itself is then the own cgroup.
            yield from (root / part for part in (inner, *inner.parents))


def _memory_limits(groups: Iterable[Path]) -> Iterator[int]:
    for group in groups:
        for name in ("memory.max", "memory.limit_in_bytes"):
            text = _read(group / name)
            if text.isdigit() and int(text) < _NO_LIMIT:
                yield int(text)


def _quotas(groups: Iterable[Path]) -> Iterator[float]:
    for group in groups:
        quota, _, period = _read(group / "cpu.max").partition(b" ")  # version 2: "max 100000" or "50000 100000"
        pairs = [(quota, period), (_read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us"))]
        yield from (int(first) / int(second) for first, second in pairs if first.isdigit() and second.isdigit())


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes().strip()
    except OSError:
        return b""


def gpu_devices(fleet: Path) -> tuple[str, ...]:
    """Return the GPU devices for the tasks of a fleet.

    If `declare_gpus` stored devices in the folder `fleet`, return these devices. Otherwise return the devices that
    nvidia-smi lists.
    """
    declared = _read(fleet / _DEVICES).decode(errors="replace").split()
    return tuple(declared or _nvidia_devices())


def declare_gpus(fleet: Path, gpus: Sequence[str]) -> None:
    """Store the GPU devices of the configuration, `gpus`, in the folder `fleet`, for all consumers of the fleet.

    A consumer that reads the file at the same time gets the old or the new devices, never a part of them.
    """
    path, data = fleet / _DEVICES, "\n".join(gpus).encode()
    if gpus and _read(path) != data:
        with tempfile.NamedTemporaryFile(dir=fleet, prefix=_DEVICES, delete=False) as partial:
            partial.write(data)
        os.replace(partial.name, path)


def _nvidia_devices() -> list[str]:
    """Return the numbers of the NVIDIA devices of this machine. Without a driver, the list is empty."""
    words = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        found = subprocess.run(
            words, capture_output=True, stdin=subprocess.DEVNULL, timeout=_PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = found.stdout.decode(errors="replace").split() if found.returncode == 0 else []
    return [line for line in lines if line.isdigit()]
