"""From a cluster URL to a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kubeque.clusters.base import Cluster
from kubeque.model.config.config import Config
from kubeque.model.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Access:
    """How one logs in to clusters, for whoever does not do it as this machine's user. Asked when it is first needed."""

    #: Makes a kubernetes ApiClient; None: by the kubeconfig.
    kubernetes: Callable[[], Any] | None = None
    #: Makes google.auth credentials; None: the default ones.
    google: Callable[[], Any] | None = None


def open_cluster(url: str, config: Config, access: Access | None = None) -> Cluster:
    """The cluster at `url`, for the queue and the rest that `config` names. Raises ConfigError, MissingExtra."""
    access = access or Access()
    if url in ("local", "local:", "local://"):
        from kubeque.clusters.local import LocalCluster

        return LocalCluster(config.home, config.queue_url)
    if url.startswith("kubernetes://"):
        from kubeque.clusters.kubernetes.cluster import KubernetesCluster

        return KubernetesCluster.open(url, config, client=access.kubernetes)
    if url.startswith("gke://"):
        from kubeque.clusters.gke.cluster import GkeCluster
        from kubeque.clusters.gke.credentials import Login

        return GkeCluster.open(url, config, login=Login(access.google)).cluster()
    raise ConfigError(
        f"cluster_url {url!r}: write local, the processes of one machine, kubernetes://CONTEXT/NAMESPACE, or"
        " gke://PROJECT/LOCATION/NAME"
    )
