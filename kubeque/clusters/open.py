"""From a cluster URL to a cluster."""

from __future__ import annotations

from pathlib import Path

from kubeque.clusters.base import Cluster
from kubeque.model.errors import ConfigError


def open_cluster(url: str, *, home: Path, queue_url: str) -> Cluster:
    """The cluster at `url`. Raises ConfigError for one that there is not."""
    if url in ("local", "local:", "local://"):
        from kubeque.clusters.local import LocalCluster

        return LocalCluster(home, queue_url)
    raise ConfigError(f"cluster_url {url!r}: this version knows `local`, the processes of one machine")
