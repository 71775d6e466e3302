"""Make and read messages of the GKE API about clusters and node pools, and make the equivalent gcloud commands."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from kubeque.clusters.kubernetes.manifests.pod_manifest import SPOT
from kubeque.lazy_dataclass import dataclass
from kubeque.model.config.node_pools import NodePool, NodeRange

#: Default number of zones of a regional cluster.
_ZONES_OF_A_REGION = 3
#: Taint of spot machines. Only pods with a toleration run on them.
_SPOT_TAINT = {"key": SPOT, "value": "true", "effect": "NO_SCHEDULE"}
_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
_LABELS = {"made-by": "kubeque"}


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    """A cluster as Google reports it."""

    name: str
    #: Region or zone of the cluster.
    location: str
    #: PROVISIONING, RUNNING, RECONCILING, STOPPING, ERROR or DEGRADED.
    status: str
    #: Google's message about a problem; empty without a problem.
    message: str
    #: Host of the API server.
    endpoint: str
    #: CA certificate of the API server: PEM, encoded in base64.
    certificate: str
    #: Workload identity pool, for example PROJECT.svc.id.goog; empty without workload identity.
    workload_pool: str
    version: str
    zones: tuple[str, ...]
    pools: tuple[PoolSeen, ...]

    def describe(self) -> str:
        """Return the version and the node pools as readable text."""
        return f"Kubernetes {self.version}, " + ", ".join(pool.describe() for pool in self.pools)


@dataclass(frozen=True, slots=True)
class PoolSeen:
    """A node pool as Google reports it."""

    pool: NodePool
    #: RUNNING, or a different status that Google reports.
    status: str
    message: str
    #: Number of zones with nodes of the pool.
    zones: int

    def describe(self) -> str:
        """Return the pool as readable text: name, nodes and machines, and the status if it is not RUNNING."""
        pool = self.pool
        words = [f"{pool.name} {pool.nodes} x {pool.machine_type}"]
        words += ["spot"] if pool.spot else []
        words += [f"{pool.gpu_count} {pool.gpu_type}"] if pool.gpu_type else []
        words += [self.status.lower()] if self.status not in ("RUNNING", "STATUS_UNSPECIFIED") else []
        return " ".join(words) + (f" ({self.message})" if self.message else "")


def is_region(location: str) -> bool:
    """True if a location is a region such as `europe-west1`; False for a zone such as `europe-west1-b`."""
    return location.count("-") == 1


def region_of(location: str) -> str:
    """Return the region of a location."""
    return "-".join(location.split("-")[:2])


def per_zone(nodes: int, zones: int) -> int:
    """Return the smallest number of nodes in each zone that gives at least `nodes` nodes in total.

    For a pool of fixed size, the API of Google expects the number of nodes in each zone.
    """
    return -(-nodes // max(zones, 1))


def cluster_message(project: str, location: str, name: str, pools: Sequence[NodePool]) -> dict[str, Any]:
    """Return the CreateCluster message for a new cluster."""
    zones = _ZONES_OF_A_REGION if is_region(location) else 1
    return {
        "name": name,
        "node_pools": [pool_message(pool, zones) for pool in pools],
        "workload_identity_config": {"workload_pool": workload_pool(project)},
        "release_channel": {"channel": "REGULAR"},
        "ip_allocation_policy": {"use_ip_aliases": True},
        "resource_labels": _LABELS,
        # Remove unused nodes soon, because they cost money.
        "autoscaling": {"autoscaling_profile": "OPTIMIZE_UTILIZATION"},
    }


def workload_pool(project: str) -> str:
    """Return the workload identity pool, which all clusters of a project share."""
    return f"{project}.svc.id.goog"


def pool_message(pool: NodePool, zones: int) -> dict[str, Any]:
    """Return the CreateNodePool message for a new pool in `zones` zones."""
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
    """Return the autoscaling settings of a pool, with total numbers over all zones.

    Autoscaling is off for a pool of fixed size.
    """
    if nodes.fixed:
        return {"enabled": False}
    return {
        "enabled": True, "total_min_node_count": nodes.low, "total_max_node_count": nodes.high,
        "location_policy": "ANY",
    }  # fmt: skip


def read_cluster(cluster: Any) -> ClusterSeen:
    """Return a cluster from an answer of the API."""
    zones = tuple(cluster.locations)
    messages = [cluster.status_message, *(condition.message for condition in cluster.conditions)]
    return ClusterSeen(
        cluster.name, cluster.location, cluster.status.name, next((text for text in messages if text), ""),
        cluster.endpoint, cluster.master_auth.cluster_ca_certificate, cluster.workload_identity_config.workload_pool,
        cluster.current_master_version, zones, tuple(read_pool(pool, len(zones)) for pool in cluster.node_pools),
    )  # fmt: skip


def read_pool(pool: Any, zones_of_cluster: int) -> PoolSeen:
    """Return a node pool from an answer of the API.

    `zones_of_cluster`: number of zones of the cluster, for an answer that names no zones of the pool.
    """
    config, scaling = pool.config, pool.autoscaling
    zones = len(pool.locations) or zones_of_cluster or 1
    if scaling.enabled and scaling.total_max_node_count:
        nodes = NodeRange(scaling.total_min_node_count, scaling.total_max_node_count)
    elif scaling.enabled:  # a pool that kubeque did not create: its limits are per zone
        nodes = NodeRange(scaling.min_node_count * zones, scaling.max_node_count * zones)
    else:
        nodes = NodeRange(pool.initial_node_count * zones, pool.initial_node_count * zones)
    gpu = next(iter(config.accelerators), None)
    found = NodePool(
        pool.name, nodes, config.machine_type, config.spot, (config.disk_size_gb or 0) << 30 or None,
        config.ephemeral_storage_local_ssd_config.local_ssd_count,
        gpu.accelerator_type if gpu else "", gpu.accelerator_count if gpu else 0,
    )  # fmt: skip
    messages = [pool.status_message, *(condition.message for condition in pool.conditions)]
    return PoolSeen(found, pool.status.name, next((text for text in messages if text), ""), zones)


def gcloud(*words: str) -> str:
    """Return a gcloud command line for a person with more permissions."""
    return shlex.join(["gcloud", *words])


def create_line(project: str, location: str, name: str, pool: NodePool) -> str:
    """Return the command that creates a cluster with its first pool, as `cluster_message` does."""
    return gcloud(
        "container", "clusters", "create", name, f"--project={project}", f"--location={location}",
        *_pool_options(pool, location), f"--workload-pool={workload_pool(project)}", "--release-channel=regular",
        "--enable-ip-alias", "--autoscaling-profile=optimize-utilization",
    )  # fmt: skip


def pool_line(project: str, location: str, cluster: str, pool: NodePool) -> str:
    """Return the command that adds a node pool to a cluster, as `pool_message` does."""
    return gcloud(
        "container", "node-pools", "create", pool.name, f"--project={project}", f"--location={location}",
        f"--cluster={cluster}", *_pool_options(pool, location),
    )  # fmt: skip


def _pool_options(pool: NodePool, location: str) -> list[str]:
    """Return the options of gcloud for a pool, which are the same for a new cluster and for a new pool."""
    zones = _ZONES_OF_A_REGION if is_region(location) else 1
    words = [f"--num-nodes={per_zone(pool.nodes.low, zones)}", f"--machine-type={pool.machine_type}"]
    words += ["--spot", f"--node-taints={SPOT}=true:NoSchedule"] if pool.spot else []
    if not pool.nodes.fixed:
        words += [
            "--enable-autoscaling", f"--total-min-nodes={pool.nodes.low}", f"--total-max-nodes={pool.nodes.high}",
            "--location-policy=ANY",
        ]  # fmt: skip
    words += [f"--disk-size={pool.disk_gi}GB"] if pool.disk_gi else []
    words += [f"--ephemeral-storage-local-ssd=count={pool.local_ssd_count}"] if pool.local_ssd_count else []
    if pool.gpu_type:
        words.append(f"--accelerator=type={pool.gpu_type},count={pool.gpu_count},gpu-driver-version=default")
    return [*words, "--workload-metadata=GKE_METADATA", "--scopes=cloud-platform"]
