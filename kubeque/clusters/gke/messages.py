"""What Google is told of a cluster and its node pools, and what its answers mean. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kubeque.clusters.kubernetes.job_manifest import SPOT
from kubeque.model.config.node_pools import NodePool, NodeRange

#: Zones that a region's cluster has unless somebody says otherwise.
_ZONES_OF_A_REGION = 3
#: By which pods are kept off machines that may vanish, unless they say that they can take it.
_SPOT_TAINT = {"key": SPOT, "value": "true", "effect": "NO_SCHEDULE"}
_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
_LABELS = {"made-by": "kubeque"}


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    """A cluster, as Google has it."""

    name: str
    #: Region or zone.
    location: str
    #: PROVISIONING, RUNNING, RECONCILING, STOPPING, ERROR or DEGRADED.
    status: str
    #: What Google says about it; empty while all is well.
    message: str
    #: Host of its API server.
    endpoint: str
    #: The certificate of that server's authority, PEM in base64.
    certificate: str
    #: Its own, as in PROJECT.svc.id.goog; empty: it has no workload identity.
    workload_pool: str
    version: str
    zones: tuple[str, ...]
    pools: tuple[PoolSeen, ...]

    def describe(self) -> str:
        """Return version and node pools for people."""
        return f"Kubernetes {self.version}, " + ", ".join(pool.describe() for pool in self.pools)


@dataclass(frozen=True, slots=True)
class PoolSeen:
    """A node pool, as Google has it."""

    pool: NodePool
    #: RUNNING and the like.
    status: str
    message: str
    #: Number of zones that its nodes are in.
    zones: int

    def describe(self) -> str:
        """Return the pool for people: name, nodes, machines, and its status unless it runs."""
        pool = self.pool
        words = [f"{pool.name} {pool.nodes} x {pool.machine_type}"]
        words += ["spot"] if pool.spot else []
        words += [f"{pool.gpu_count} {pool.gpu_type}"] if pool.gpu_type else []
        words += [self.status.lower()] if self.status not in ("RUNNING", "STATUS_UNSPECIFIED") else []
        return " ".join(words) + (f" ({self.message})" if self.message else "")


def is_region(location: str) -> bool:
    """`europe-west1` is one; `europe-west1-b` is a zone of it."""
    return location.count("-") == 1


def region_of(location: str) -> str:
    """The region that a location is, or is in."""
    return "-".join(location.split("-")[:2])


def per_zone(nodes: int, zones: int) -> int:
    """How many nodes each zone has where there are at least `nodes` in all: Google counts fixed pools by zone."""
    return -(-nodes // max(zones, 1))


def cluster_message(project: str, location: str, name: str, pools: Sequence[NodePool]) -> dict[str, Any]:
    """A new cluster, as CreateCluster takes it."""
    zones = _ZONES_OF_A_REGION if is_region(location) else 1
    return {
        "name": name,
        "node_pools": [pool_message(pool, zones) for pool in pools],
        "workload_identity_config": {"workload_pool": workload_pool(project)},
        "release_channel": {"channel": "REGULAR"},
        "ip_allocation_policy": {"use_ip_aliases": True},
        "resource_labels": _LABELS,
        # Nodes that nobody needs shall go soon: they are paid for.
        "autoscaling": {"autoscaling_profile": "OPTIMIZE_UTILIZATION"},
    }


def workload_pool(project: str) -> str:
    """The one workload identity pool that all clusters of a project share."""
    return f"{project}.svc.id.goog"


def pool_message(pool: NodePool, zones: int) -> dict[str, Any]:
    """A new node pool, as CreateNodePool takes it, in so many zones."""
    config: dict[str, Any] = {
        "machine_type": pool.machine_type, "spot": pool.spot, "oauth_scopes": _SCOPES, "resource_labels": _LABELS,
        "workload_metadata_config": {"mode": "GKE_METADATA"},
    }  # fmt: skip
    if pool.spot:
        config["taints"] = [_SPOT_TAINT]
    if pool.disk_gi:
        config["disk_size_gb"] = pool.disk_gi
    if pool.local_ssd_count:
        config["ephemeral_storage_local_ssd_config"] = {"local_ssd_count": pool.local_ssd_count}
    if pool.gpu_type:
        config["accelerators"] = [
            {
                "accelerator_count": pool.gpu_count, "accelerator_type": pool.gpu_type,
                "gpu_driver_installation_config": {"gpu_driver_version": "DEFAULT"},
            }
        ]  # fmt: skip
    message = {
        "name": pool.name, "config": config, "initial_node_count": per_zone(pool.nodes.low, zones),
        "management": {"auto_repair": True, "auto_upgrade": True},
    }  # fmt: skip
    return message if pool.nodes.fixed else {**message, "autoscaling": autoscaling_message(pool.nodes)}


def autoscaling_message(nodes: NodeRange) -> dict[str, Any]:
    """How a pool grows and shrinks: the numbers are those of all zones together; a fixed one does neither."""
    if nodes.fixed:
        return {"enabled": False}
    return {
        "enabled": True, "total_min_node_count": nodes.low, "total_max_node_count": nodes.high,
        "location_policy": "ANY",
    }  # fmt: skip


def read_cluster(cluster: Any) -> ClusterSeen:
    """What an answer says of a cluster."""
    zones = tuple(cluster.locations)
    said = [cluster.status_message, *(condition.message for condition in cluster.conditions)]
    return ClusterSeen(
        cluster.name, cluster.location, cluster.status.name, next((text for text in said if text), ""),
        cluster.endpoint, cluster.master_auth.cluster_ca_certificate, cluster.workload_identity_config.workload_pool,
        cluster.current_master_version, zones, tuple(read_pool(pool, len(zones)) for pool in cluster.node_pools),
    )  # fmt: skip


def read_pool(pool: Any, zones_of_cluster: int) -> PoolSeen:
    """What an answer says of a node pool."""
    config, scaling = pool.config, pool.autoscaling
    zones = len(pool.locations) or zones_of_cluster or 1
    if scaling.enabled and scaling.total_max_node_count:
        nodes = NodeRange(scaling.total_min_node_count, scaling.total_max_node_count)
    elif scaling.enabled:  # somebody else made it: these count by zone
        nodes = NodeRange(scaling.min_node_count * zones, scaling.max_node_count * zones)
    else:
        nodes = NodeRange(pool.initial_node_count * zones, pool.initial_node_count * zones)
    gpu = next(iter(config.accelerators), None)
    found = NodePool(
        pool.name, nodes, config.machine_type, config.spot, (config.disk_size_gb or 0) << 30 or None,
        config.ephemeral_storage_local_ssd_config.local_ssd_count,
        gpu.accelerator_type if gpu else "", gpu.accelerator_count if gpu else 0,
    )  # fmt: skip
    said = [pool.status_message, *(condition.message for condition in pool.conditions)]
    return PoolSeen(found, pool.status.name, next((text for text in said if text), ""), zones)


def gcloud(*words: str) -> str:
    """A command line that somebody with more rights may paste."""
    return shlex.join(["gcloud", *words])


def create_line(project: str, location: str, name: str, pool: NodePool) -> str:
    """The command that makes such a cluster with its first pool."""
    zones = _ZONES_OF_A_REGION if is_region(location) else 1
    more = [f"--disk-size={pool.disk_gi}GB"] if pool.disk_gi else []
    return gcloud(
        "container", "clusters", "create", name, f"--project={project}", f"--location={location}",
        f"--num-nodes={per_zone(pool.nodes.low, zones)}", f"--machine-type={pool.machine_type}", *more,
        f"--workload-pool={workload_pool(project)}", "--release-channel=regular",
    )  # fmt: skip


def pool_line(project: str, location: str, cluster: str, pool: NodePool) -> str:
    """The command that adds such a pool."""
    more = ["--spot", f"--node-taints={SPOT}=true:NoSchedule"] if pool.spot else []
    if not pool.nodes.fixed:
        more += [
            "--enable-autoscaling", f"--total-min-nodes={pool.nodes.low}", f"--total-max-nodes={pool.nodes.high}",
            "--location-policy=ANY",
        ]  # fmt: skip
    more += [f"--disk-size={pool.disk_gi}GB"] if pool.disk_gi else []
    more += [f"--ephemeral-storage-local-ssd=count={pool.local_ssd_count}"] if pool.local_ssd_count else []
    more += [f"--accelerator=type={pool.gpu_type},count={pool.gpu_count}"] if pool.gpu_type else []
    zones = _ZONES_OF_A_REGION if is_region(location) else 1
    return gcloud(
        "container", "node-pools", "create", pool.name, f"--project={project}", f"--location={location}",
        f"--cluster={cluster}", f"--num-nodes={per_zone(pool.nodes.low, zones)}",
        f"--machine-type={pool.machine_type}", *more, "--workload-metadata=GKE_METADATA",
    )  # fmt: skip
