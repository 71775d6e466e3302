"""Open the cluster at a URL. Code outside this folder calls these functions, and never parses the URL itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubeque.clusters.base import Cluster
from kubeque.lazy_dataclass import dataclass
from kubeque.model.config.config import Config
from kubeque.model.errors import ConfigError

if TYPE_CHECKING:
    from kubeque.clusters.gke.cluster import GkeCluster

_LOCAL = ("local", "local:", "local://")
_KUBERNETES, _GKE = "kubernetes://", "gke://"


@dataclass(frozen=True, slots=True)
class Access:
    """Logins to use for clusters and stores, in place of the logins of this machine's user.

    Each login is a function that is called on first use.
    """

    #: Function that returns a kubernetes ApiClient; None for the login of the kubeconfig.
    kubernetes: Callable[[], Any] | None = None
    #: Function that returns google.auth credentials; None for the default credentials.
    google: Callable[[], Any] | None = None
    #: Function from the URL of a store to keyword arguments for fsspec, to a file system of fsspec, or to None for the
    #: default credentials. Consumers do not have this login.
    store: Callable[[str], Any] | None = None


def open_cluster(url: str, config: Config, access: Access | None = None) -> Cluster:
    """Return the cluster at `url` for the queue of `config`. Raises ConfigError, MissingExtra."""
    access = access or Access()
    if is_local(url):
        from kubeque.clusters.local import LocalCluster

        return LocalCluster(config.home, config.queue_url, gpus=config.gpus.split(",") if config.gpus else ())
    if url.startswith(_KUBERNETES):
        from kubeque.clusters.kubernetes.cluster import KubernetesCluster

        return KubernetesCluster.open(url, config, client=access.kubernetes)
    if is_hosted(url):
        return open_hosted(config, url=url, access=access).kubernetes_cluster()
    raise ConfigError(
        f"cluster_url {url!r} is unknown: write local (processes of one machine), kubernetes://CONTEXT/NAMESPACE or"
        " gke://PROJECT/LOCATION/NAME"
    )


def is_local(url: str) -> bool:
    """True if `url` is the cluster of this machine, in which consumers run as processes without images."""
    return url in _LOCAL


def find_unreachable(config: Config) -> str:
    """Return a message about the first URL of a configuration that pods cannot reach. Sends no request.

    Return an empty text if pods can reach all URLs, or if consumers run on this machine.
    """
    if is_local(config.cluster_url):
        return ""
    from kubeque.clusters.kubernetes.reachability import find_unreachable as find
    from kubeque.model.sweep.pod_options import PodOptions

    return find(config.queue_url, (config.default_url_prefix, config.cas_url_prefix), PodOptions())


def is_hosted(url: str) -> bool:
    """True if kubeque itself can create, resize and delete the cluster at `url`."""
    return url.startswith(_GKE)


def open_hosted(
    config: Config, *, url: str = "", access: Access | None = None, tell: Callable[[str, float], None] | None = None
) -> GkeCluster:
    """Return the GKE cluster at `url` (default: `cluster_url`). The cluster need not exist. Raises ConfigError.

    `tell`: function that is called during a long operation, with the operation's name and the seconds since the start.
    """
    url = url or config.cluster_url
    if not is_hosted(url):
        raise ConfigError(
            f"cluster_url is {url}, but only a cluster on GKE has nodes that kubeque manages: set project and"
            " cluster_name in .kubeque"
        )
    from kubeque.clusters.gke.cluster import GkeCluster
    from kubeque.clusters.gke.credentials import Login

    return GkeCluster.open(url, config, login=Login(access.google if access else None), tell=tell)


def open_own_cluster(url: str, config: Config) -> Cluster:
    """Return the cluster in which this process runs as a pod. `url`: URL by which other machines reach this cluster.

    Raises ClusterRefused if the account of the pod lacks permissions. Raises MissingExtra.
    """
    from kubeque.clusters.kubernetes.cluster import KubernetesCluster

    cluster = KubernetesCluster.inside(url, config)
    cluster.check_own_permissions()
    return cluster


def is_own_fleet(config: Config, fleet: str) -> bool:
    """True if the consumers of a fleet run on this machine, for this home folder."""
    from kubeque.clusters.local import fleet_name

    return fleet.startswith(fleet_name(config.home))


def local_attempt(config: Config, uid: str, index: int, attempt: int | None = None) -> tuple[int, Path] | None:
    """Return the number and the folder of an attempt of a task on this machine; None without such a folder.

    The folder exists while the attempt runs. If the consumer is killed, the folder stays until abandoned folders are
    removed. `attempt`: number of the attempt; None for the last attempt.
    """
    from kubeque.clusters.local import attempt_folder

    return attempt_folder(config.home, uid, index, attempt)


def abandoned_folders(config: Config, wanted: Callable[[str], bool], *, remove: bool) -> list[Path]:
    """Return the folders of attempts that dead consumers of this machine left behind.

    `wanted`: function that returns True for the uid of a wanted job. `remove`: True if the caller will remove the
    folders. They are then moved first, so that no consumer uses them.
    """
    from kubeque.clusters.abandoned_work import find_abandoned, set_aside_abandoned

    return (set_aside_abandoned if remove else find_abandoned)(config.home, wanted)


def slot_folders(config: Config) -> Iterator[tuple[Path, str, bool]]:
    """Yield the folder of each slot of this machine: the folder that contains it, its name, and True if it is free.

    A slot is free if no consumer uses it. Its lock is then held until the next slot is yielded, so no consumer starts.
    """
    from kubeque.clusters.abandoned_work import WORK, find_slots

    for name, free in find_slots(config.home):
        yield config.home / WORK, name, free


def home_folders(home: str) -> tuple[str, str]:
    """Return the folder of working directories and the folder of stored environments, below the home folder."""
    from kubeque.clusters.abandoned_work import WORK
    from kubeque.clusters.environment_files import ENVIRONMENTS

    return os.path.join(home, WORK), os.path.join(home, ENVIRONMENTS)
