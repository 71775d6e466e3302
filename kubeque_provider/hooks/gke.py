"""Start and stop the GKE cluster of a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubeque.client import Client
from kubeque.model.config.node_pools import first_pools
from kubeque.model.errors import ClusterError
from kubeque_provider.hooks.kubeque import KubequeHook


def start_cluster(
    hook: KubequeHook, nodes: str, spot_nodes: str | None = None, machine_type: str | None = None
) -> dict[str, Any]:
    """Create the missing parts of the connection's cluster: the cluster itself, its bucket, database and accounts.

    Returns the URL of the cluster and the number of nodes of each pool. Raises UserError for wrong arguments or
    connections. Raises ClusterError if this account has no permission to create a part. The message of the error
    contains the commands to run.
    """
    config = hook.config()
    cluster = Client.hosting(config, access=hook.access(), tell=_log_operations(hook))
    pools = first_pools(config, nodes, spot_nodes, machine_type=machine_type)
    missing = []
    for part in cluster.start(pools, asked=False):
        hook.log.info("%s: %s", part.what, part.text)
        missing += [] if part.ok else [f"{part.text}; an administrator has to run: {part.command}"]
    if missing:
        raise ClusterError(" / ".join(missing))
    return {"cluster": cluster.url, "pools": {found.pool.name: str(found.pool.nodes) for found in cluster.pools()}}


def stop_cluster(hook: KubequeHook) -> None:
    """Delete the cluster of the connection. If it does not exist, change nothing. Raises UserError or ClusterError."""
    cluster = Client.hosting(hook.config(), access=hook.access(), tell=_log_operations(hook))
    if cluster.gke.find() is None:
        hook.log.info("the cluster %s does not exist", cluster.gke)
        return
    cluster.stop()
    hook.log.info("%s is deleted; the queue and the results stay", cluster.gke)


def _log_operations(hook: KubequeHook) -> Callable[[str, float], None]:
    """Return a function that takes the name of the present operation at Google and its duration, and logs the name.

    If the function is called repeatedly for one operation, it logs the operation only once.
    """
    last = ""

    def tell(what: str, seconds: float) -> None:
        nonlocal last
        if what != last:
            last = what
            hook.log.info("%s ...", what)

    return tell
