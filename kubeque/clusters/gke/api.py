"""Send requests to Google Kubernetes Engine, and wait for the operations that create or change clusters and node pools.

If the process that waits for an operation ends, Google continues the operation. A later call finds its result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from kubeque.clusters.gke.credentials import Login, emulator
from kubeque.clusters.gke.messages import (
    ClusterSeen,
    autoscaling_message,
    cluster_message,
    per_zone,
    pool_message,
    read_cluster,
)
from kubeque.model.config.node_pools import NodePool, NodeRange
from kubeque.model.errors import ClusterError, ClusterRefused, ClusterUnavailable, ConfigError, MissingExtra
from kubeque.model.text import one_line
from kubeque.model.wording import code

#: Environment variable for tests: `host:port` of an emulator without login and TLS.
EMULATOR = "CONTAINER_EMULATOR_HOST"
#: Seconds between two polls of an operation.
_POLL_SECONDS = 3.0
_POLL_SECONDS_AT_EMULATOR = 0.05
#: Time limit of an operation in seconds. Google needs about ten minutes to create a cluster.
_OPERATION_SECONDS = 3600.0
#: Time limit of one request in seconds.
_CALL_SECONDS = 60.0
#: Function that gets the name of the current operation and the seconds since the start of the operation.
Tell = Callable[[str, float], None]


class Gke:
    """A cluster on GKE, identified by its name. The cluster need not exist. All methods can raise ClusterError."""

    def __init__(self, project: str, location: str, name: str, login: Login, *, tell: Tell | None = None) -> None:
        """Send no request. `location`: a region or a zone; empty for the location of the existing cluster.

        `tell`: function that is called during a long operation.
        """
        self.project, self.location, self.name = project, location, name
        self._login = login
        self._tell = tell or (lambda what, seconds: None)
        self._manager: Any = None

    def find(self) -> ClusterSeen | None:
        """Return the cluster; None if it does not exist.

        Raises ConfigError if the location is unknown and several clusters have this name.
        """
        if self.location:
            try:
                return read_cluster(self._call("get_cluster", name=self._path()))
            except ClusterRefused as error:
                if error.status == 404:
                    return None
                raise
        answer = self._call("list_clusters", parent=f"projects/{self.project}/locations/-")
        found = [cluster for cluster in answer.clusters if cluster.name == self.name]
        if len(found) > 1:
            locations = ", ".join(sorted(cluster.location for cluster in found))
            raise ConfigError(
                f"project {self.project} has several clusters {self.name!r}: set location to one of {locations}"
            )
        if not found:
            return None
        self.location = found[0].location
        return read_cluster(found[0])

    def get(self) -> ClusterSeen:
        """Return the cluster. Raises ConfigError if it does not exist."""
        found = self.find()
        if found is None:
            raise ConfigError(f"the cluster {self} does not exist: create it with {code('start')}")
        return found

    def create(self, pools: Sequence[NodePool]) -> ClusterSeen:
        """Create the cluster, wait until it runs, and return it."""
        message = cluster_message(self.project, self.location, self.name, pools)
        parent = f"projects/{self.project}/locations/{self.location}"
        try:
            self._wait(f"making {self}", self._call("create_cluster", parent=parent, cluster=message))
        except ClusterRefused as error:
            if error.status != 409:  # 409: a different process has created the cluster
                raise
        return self.wait_until_created()

    def wait_until_created(self) -> ClusterSeen:
        """Wait until the cluster is created, and return it. Raises ClusterError if it is broken or being deleted."""
        began = time.monotonic()
        while (seen := self.get()).status == "PROVISIONING":
            self._pause(f"{self} is being created", began)
        if seen.status == "STOPPING":
            raise ClusterError(f"{self} is being deleted: start it again in some minutes")
        if seen.status == "ERROR":
            raise ClusterError(f"{self} is broken ({seen.message or 'Google gives no reason'}): stop and start it")
        return seen

    def delete(self) -> None:
        """Delete the cluster with all its nodes, and wait until they are deleted."""
        self._wait(f"deleting {self}", self._call("delete_cluster", name=self._path()))

    def add_pool(self, pool: NodePool, zones: int) -> None:
        """Add a node pool in `zones` zones, and wait until it runs."""
        message = pool_message(pool, zones)
        self._wait(
            f"adding the pool {pool.name}", self._call("create_node_pool", parent=self._path(), node_pool=message)
        )

    def remove_pool(self, name: str) -> None:
        """Remove a pool with its nodes, and wait until they are deleted."""
        self._wait(f"removing the pool {name}", self._call("delete_node_pool", name=self._pool(name)))

    def set_nodes(self, name: str, nodes: NodeRange, *, zones: int, scaled: bool) -> None:
        """Set the number of nodes of a pool, and wait until the change has ended.

        `zones`: number of zones of the pool. `scaled`: True if autoscaling is on before the change.
        """
        if scaled or not nodes.fixed:
            scaling = self._call(
                "set_node_pool_autoscaling", name=self._pool(name), autoscaling=autoscaling_message(nodes)
            )
            self._wait(f"setting the pool {name} to {nodes} nodes", scaling)
        if nodes.fixed:
            size = self._call("set_node_pool_size", name=self._pool(name), node_count=per_zone(nodes.low, zones))
            self._wait(f"giving {name} {nodes} nodes", size)

    def __str__(self) -> str:
        return f"{self.name} in {self.location or 'any location'} of project {self.project}"

    # ------------------------------------------------------------------ calls
    def _path(self) -> str:
        if not self.location:  # `get` sets the location
            self.get()
        return f"projects/{self.project}/locations/{self.location}/clusters/{self.name}"

    def _pool(self, name: str) -> str:
        return f"{self._path()}/nodePools/{name}"

    def _wait(self, what: str, operation: Any) -> None:
        began = time.monotonic()
        name = f"projects/{self.project}/locations/{self.location}/operations/{operation.name}"
        while operation.status.name not in ("DONE", "ABORTING"):
            self._pause(what, began)
            operation = self._call("get_operation", name=name)
        said = operation.error.message or operation.status_message
        if operation.error.code or operation.status.name == "ABORTING":
            raise ClusterError(f"{what} failed at Google: {one_line(said) or 'it gives no reason'}")

    def _pause(self, what: str, began: float) -> None:
        seconds = time.monotonic() - began
        if seconds > _OPERATION_SECONDS:
            raise ClusterUnavailable(f"{what} takes more than an hour: it continues at Google, try again later")
        self._tell(what, seconds)
        time.sleep(_POLL_SECONDS_AT_EMULATOR if emulator(EMULATOR) else _POLL_SECONDS)

    def _call(self, method: str, **request: Any) -> Any:
        if self._manager is None:
            self._manager = _connect(self._login)
        from google.api_core import exceptions as google

        try:
            return getattr(self._manager, method)(request=request, timeout=_CALL_SECONDS)
        except google.RetryError as error:
            raise ClusterUnavailable(f"Google does not answer ({error.cause}): try again later") from error
        except google.GoogleAPICallError as error:
            raise self._make_error(method, error) from error

    def _make_error(self, method: str, error: Any) -> ClusterError:
        text = one_line(error.message or error)
        status = int(error.code or 0)
        what = f"{method.replace('_', ' ')} of {self}"
        if status == 429:
            return ClusterRefused(f"{what}: {text}: ask for fewer nodes, or for a larger quota", status)
        if status >= 500:
            return ClusterUnavailable(f"{what}: Google failed ({text}): try again later")
        return ClusterRefused(f"Google refused {what}: {text}", status)


def _connect(login: Login) -> Any:
    try:
        import grpc  # type: ignore[import-untyped]
        from google.cloud import container_v1
        from google.cloud.container_v1.services.cluster_manager.transports import ClusterManagerGrpcTransport
    except ImportError as error:
        raise MissingExtra(
            f"a cluster on GKE needs google-cloud-container ({error}): pip install 'kubeque[google,kubernetes]'"
        ) from error
    if address := emulator(EMULATOR):
        channel = grpc.insecure_channel(address)
        return container_v1.ClusterManagerClient(transport=ClusterManagerGrpcTransport(channel=channel))
    return container_v1.ClusterManagerClient(credentials=login.credentials)
