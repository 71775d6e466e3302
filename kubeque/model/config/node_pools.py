"""Node pools: groups of machines of a GKE cluster."""

from __future__ import annotations

import re
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.config.config import Config
from kubeque.model.errors import ResourceError
from kubeque.model.wording import option

#: Names of two pools: the one that every cluster has, and the one with the spot machines of `kubeque start`.
STANDARD, SPOT = "standard", "spot"
#: Default machine type: 4 cores, 16 GiB of memory.
MACHINE_TYPE = "e2-standard-4"
_GI = 1 << 30
#: Smallest boot disk that GKE accepts, GiB.
_LEAST_DISK_GI = 10
#: Maximum number of nodes of a pool.
_MOST_NODES = 15_000


@dataclass(frozen=True, slots=True)
class NodeRange:
    """The minimum and maximum number of nodes of a pool. GKE adds and removes nodes between these numbers."""

    low: int
    high: int

    @property
    def fixed(self) -> bool:
        """True if the minimum is equal to the maximum."""
        return self.low == self.high

    def __str__(self) -> str:
        return str(self.low) if self.fixed else f"{self.low}:{self.high}"


def parse_node_range(text: str, what: str = "nodes") -> NodeRange:
    """Return the range of nodes of a text such as `3` or `0:20`. Raises ResourceError.

    `what`: name of the value in the error.
    """
    match = re.fullmatch(r"(\d{1,6})(?::(\d{1,6}))?", text.strip())
    if match:
        low = int(match[1])
        high = int(match[2]) if match[2] else low
        if low <= high <= _MOST_NODES:
            return NodeRange(low, high)
    raise ResourceError(
        f"{what} {text!r}: write a number of nodes such as 3, or a range such as 0:20 (up to {_MOST_NODES})"
    )


@dataclass(frozen=True, slots=True)
class NodePool:
    """A named group of nodes of one machine type."""

    name: str
    nodes: NodeRange
    machine_type: str = MACHINE_TYPE
    #: True for cheaper machines that Google can take away at any time.
    spot: bool = False
    #: Size of the boot disk in bytes; None for the default of GKE.
    disk_size: int | None = None
    #: Number of local SSDs of each node. Pods store files on them.
    local_ssd_count: int = 0
    #: GPU type, for example "nvidia-l4"; empty: no GPU.
    gpu_type: str = ""
    #: Number of GPUs of each node.
    gpu_count: int = 0

    @property
    def disk_gi(self) -> int:
        """Size of the boot disk in GiB, rounded up; 0 for the default of GKE."""
        return 0 if self.disk_size is None else -(-self.disk_size // _GI)


def read_pool(
    config: Config, name: str, nodes: str, *, spot: bool = False, machine_type: str | None = None,
    disk_size: int | None = None, local_ssd_count: int | None = None, gpu: str | None = None,
) -> NodePool:  # fmt: skip
    """Return a node pool for the values of a user. Values that are None come from the configuration.

    `nodes`: number or range of nodes, for example `0:20`. `disk_size`: size of the boot disk, bytes. `gpu`: type and
    number of GPUs of each node, for example `nvidia-l4:2`; None for no GPU. Raises ResourceError.
    """
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", name):
        raise ResourceError(f"pool {name!r}: write a name of at most 40 of a-z, 0-9 and -, for example big-memory")
    kind, count = _read_gpu(gpu) if gpu else ("", 0)
    pool = NodePool(
        name, parse_node_range(nodes, "--nodes" if not spot or name != SPOT else "--spot-nodes"),
        machine_type or config.machine_type or MACHINE_TYPE, spot,
        disk_size if disk_size is not None else config.node_disk_size,
        config.local_ssd_count if local_ssd_count is None else local_ssd_count, kind, count,
    )  # fmt: skip
    if name == STANDARD and pool.nodes.low == 0:
        raise ResourceError(f"a cluster needs one permanent node for its own pods: use {option('nodes', '1')} or more")
    if pool.nodes.high == 0:
        raise ResourceError(f"pool {name!r}: {nodes} allows no node: write a maximum, for example 0:20")
    if pool.disk_gi and pool.disk_gi < _LEAST_DISK_GI:
        raise ResourceError(f"pool {name!r}: a disk of {pool.disk_gi}Gi is too small for a node: use 10Gi or more")
    return pool


def first_pools(config: Config, nodes: str, spot_nodes: str | None, **more: Any) -> list[NodePool]:
    """Return the pools of a new cluster: one of permanent machines, and with `spot_nodes` one of spot machines.

    `nodes`, `spot_nodes`: numbers or ranges of nodes. `more`: further arguments of `read_pool`. Raises ResourceError.
    """
    pools = [read_pool(config, STANDARD, nodes, **more)]
    return [*pools, read_pool(config, SPOT, spot_nodes, spot=True, **more)] if spot_nodes else pools


def _read_gpu(text: str) -> tuple[str, int]:
    match = re.fullmatch(r"([a-z][a-z0-9-]+)(?::([1-9]\d?))?", text)
    if not match:
        raise ResourceError(f"--gpu {text!r}: write the type and the number, for example nvidia-l4 or nvidia-l4:2")
    return match[1], int(match[2] or 1)
