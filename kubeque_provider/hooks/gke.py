"""A cluster on GKE, started and stopped for Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubeque.client import Client
from kubeque.model.config.node_pools import first_pools
from kubeque.model.errors import ClusterError
from kubeque_provider.hooks.kubeque import KubequeHook

if TYPE_CHECKING:
    from kubeque.client import GkeCluster


def _hosting(hook: KubequeHook) -> GkeCluster:
    config, said = hook.config(), ""

    def tell(what: str, seconds: float) -> None:
        nonlocal said
        if what != said:
            said = what
            hook.log.info("%s ...", what)

    return Client.hosting(config, access=hook.access(), tell=tell)


def start_cluster(
    hook: KubequeHook, nodes: str, spot_nodes: str | None = None, machine_type: str | None = None
) -> dict[str, Any]:
    """See that the cluster of the connection is there, with all that it needs. Returns its URL and its nodes.

    Raises UserError, ClusterError with the command that somebody else has to run.
    """
    hosting, config = _hosting(hook), hook.config()
    pools = first_pools(config, nodes, spot_nodes, machine_type=machine_type)
    missing = []
    for part in hosting.start(pools, asked=False):
        hook.log.info("%s: %s", part.what, part.text)
        missing += [] if part.ok else [f"{part.text}; somebody who may has to run: {part.command}"]
    if missing:
        raise ClusterError(" / ".join(missing))
    return {"cluster": hosting.url, "pools": {seen.pool.name: str(seen.pool.nodes) for seen in hosting.pools()}}


def stop_cluster(hook: KubequeHook) -> None:
    """Delete the cluster of the connection; gone already: well. Raises UserError, ClusterError."""
    hosting = _hosting(hook)
    if hosting.gke.find() is None:
        hook.log.info("there is no cluster %s", hosting.gke)
        return
    hosting.stop()
    hook.log.info("%s is deleted; the queue and the results stay", hosting.gke)
