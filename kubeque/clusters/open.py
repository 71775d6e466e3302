"""From a cluster URL to a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubeque.clusters.base import Cluster
from kubeque.model.config.config import Config
from kubeque.model.errors import ConfigError

if TYPE_CHECKING:
    from kubeque.clusters.gke.cluster import GkeCluster
    from kubeque.clusters.kubernetes.cluster import KubernetesCluster


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


def open_in_pod(url: str, config: Config) -> KubernetesCluster:
    """Return the cluster that this pod runs in; `url` is its address from outside. Raises MissingExtra."""
    from kubeque.clusters.kubernetes.cluster import KubernetesCluster

    return KubernetesCluster.inside(url, config)


def can_be_hosted(url: str) -> bool:
    """True if kubeque can create and delete the cluster at `url` (see `open_hosting`)."""
    return url.startswith("gke://")


def open_hosting(
    config: Config, access: Access | None = None, *, tell: Callable[[str, float], None] | None = None
) -> GkeCluster:
    """Return the cluster of a configuration, to start, resize and stop it; nothing is requested yet.

    `tell` gets the name of an operation that takes long, and the seconds since its start. Raises ConfigError where
    kubeque cannot create such a cluster.
    """
    from kubeque.clusters.gke.cluster import GkeCluster
    from kubeque.clusters.gke.credentials import Login

    return GkeCluster.open(config.cluster_url, config, login=Login((access or Access()).google), tell=tell)


def local_attempt(config: Config, uid: str, index: int, attempt: int | None = None) -> tuple[int, Path] | None:
    """Return number and folder of an attempt that this machine runs, or ran when its consumer was killed.

    Without `attempt` the last one; None if this machine has none.
    """
    from kubeque.clusters.local import attempt_folder

    return attempt_folder(config.home, uid, index, attempt)
