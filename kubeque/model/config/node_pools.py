"""The machines of a cluster, as somebody asks for them and as they are: node pools."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from kubeque.model.config.config import Config
from kubeque.model.errors import ResourceError

#: The pool that every cluster has, and the one of machines that may be taken away.
STANDARD, SPOT = "standard", "spot"
#: Four cores and 16 GiB, for whoever names none.
MACHINE_TYPE = "e2-standard-4"
_GI = 1 << 30
#: GKE takes no smaller disk.
_LEAST_DISK_GI = 10
_MOST_NODES = 15_000


@dataclass(frozen=True, slots=True)
class NodeRange:
    """How many nodes a pool has: as many as it takes, between two numbers that may be the same."""

    low: int
    high: int

    @property
    def fixed(self) -> bool:
        """Is it always the same number?"""
        return self.low == self.high

    def __str__(self) -> str:
        return str(self.low) if self.fixed else f"{self.low}:{self.high}"


def parse_span(text: str, what: str = "nodes") -> NodeRange:
    """The span meant by `3` or `0:20`. Raises ResourceError."""
    match = re.fullmatch(r"(\d{1,6})(?::(\d{1,6}))?", text.strip())
    if match:
        low = int(match[1])
        high = int(match[2]) if match[2] else low
        if low <= high <= _MOST_NODES:
            return NodeRange(low, high)
    raise ResourceError(
        f"{what} {text!r}: write a number of nodes as in 3, or the least and the most as in 0:20 (up to {_MOST_NODES})"
    )


@dataclass(frozen=True, slots=True)
class NodePool:
    """Nodes of one kind, by one name."""

    name: str
    nodes: NodeRange
    machine_type: str = MACHINE_TYPE
    #: May Google take the machines away at any time? They cost a fraction.
    spot: bool = False
    #: Bytes of the boot disk; None: what GKE gives.
    disk_size: int | None = None
    #: Local SSDs, which hold what pods write.
    local_ssd_count: int = 0
    #: As in `nvidia-l4`; empty: none.
    gpu_type: str = ""
    gpu_count: int = 0

    @property
    def disk_gi(self) -> int:
        """The boot disk in whole GiB; 0: what GKE gives."""
        return 0 if self.disk_size is None else -(-self.disk_size // _GI)


def read_pool(
    config: Config, name: str, nodes: str, *, spot: bool = False, machine_type: str | None = None,
    disk_size: int | None = None, local_ssd_count: int | None = None, gpu: str | None = None,
) -> NodePool:  # fmt: skip
    """The pool that is asked for; what nobody said is as the configuration says. Raises ResourceError."""
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", name):
        raise ResourceError(f"pool {name!r}: write a name of at most 40 of a-z, 0-9 and -, as in big-memory")
    kind, count = _read_gpu(gpu) if gpu else ("", 0)
    pool = NodePool(
        name, parse_span(nodes, "--nodes" if not spot or name != SPOT else "--spot-nodes"),
        machine_type or config.machine_type or MACHINE_TYPE, spot,
        disk_size if disk_size is not None else config.node_disk_size,
        config.local_ssd_count if local_ssd_count is None else local_ssd_count, kind, count,
    )  # fmt: skip
    if name == STANDARD and pool.nodes.low == 0:
        raise ResourceError("a cluster needs one node that stays, for what it runs itself: say --nodes 1 or more")
    if pool.nodes.high == 0:
        raise ResourceError(f"pool {name!r}: {nodes} nodes are none: write how many at most, as in 0:20")
    if pool.disk_gi and pool.disk_gi < _LEAST_DISK_GI:
        raise ResourceError(f"pool {name!r}: a disk of {pool.disk_gi}Gi is too small for a node: ask for 10Gi or more")
    return pool


def first_pools(config: Config, nodes: str, spot_nodes: str | None, **more: Any) -> list[NodePool]:
    """The pools that a cluster begins with; `more` as for `read_pool`. Raises ResourceError."""
    pools = [read_pool(config, STANDARD, nodes, **more)]
    return [*pools, read_pool(config, SPOT, spot_nodes, spot=True, **more)] if spot_nodes else pools


def _read_gpu(text: str) -> tuple[str, int]:
    match = re.fullmatch(r"([a-z][a-z0-9-]+)(?::([1-9]\d?))?", text)
    if not match:
        raise ResourceError(f"--gpu {text!r}: write the type and how many in each node, as in nvidia-l4 or nvidia-l4:2")
    return match[1], int(match[2] or 1)
