"""From a cluster URL to a cluster."""

from __future__ import annotations

from kubeque.clusters.base import Cluster
from kubeque.model.config import Config
from kubeque.model.errors import ConfigError


def open_cluster(url: str, config: Config) -> Cluster:
    """The cluster at `url`, for the queue and the rest that `config` names. Raises ConfigError, MissingExtra."""
    if url in ("local", "local:", "local://"):
        from kubeque.clusters.local import LocalCluster

        return LocalCluster(config.home, config.queue_url)
    if url.startswith("kubernetes://"):
        from kubeque.clusters.pods import KubernetesCluster

        return KubernetesCluster.open(url, config)
    if url.startswith("gke://"):
        from kubeque.clusters.hosting import Hosting

        return Hosting.open(url, config).cluster()
    raise ConfigError(
        f"cluster_url {url!r}: write local, the processes of one machine, kubernetes://CONTEXT/NAMESPACE, or"
        " gke://PROJECT/LOCATION/NAME"
    )
