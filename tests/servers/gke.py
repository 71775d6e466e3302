"""An emulator of Google Kubernetes Engine. It uses the real protocol and keeps all data in memory.

    manager = ClusterManager()
    manager.start()
    os.environ["CONTAINER_EMULATOR_HOST"] = manager.host
    manager.refuse("CreateCluster", grpc.StatusCode.PERMISSION_DENIED, "you may not")

It checks requests as far as Google's documentation describes the checks of Google: names, parents, that a cluster has
a node that stays. An operation is done after it was looked at a few times. There is no cluster behind it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.cloud import container_v1 as gke

#: Number of polls of an operation until it is done.
LOOKS = 3
_SERVICE = "google.container.v1.ClusterManager"
_CLUSTER = re.compile(r"(projects/[^/]+/locations/([^/]+))/clusters/([a-z][a-z0-9-]{0,39})")


class Refused(Exception):
    """The error that the caller receives."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code


class ClusterManager:
    """Clusters, node pools and operations of all projects."""

    def __init__(self, *, endpoint: str = "203.0.113.1", certificate: str = "") -> None:
        """`endpoint`, `certificate`: what new clusters say of their API server; PEM in base64."""
        self.clusters: dict[str, Any] = {}
        #: Every call: method and request.
        self.calls: list[tuple[str, Any]] = []
        self._endpoint, self._certificate = endpoint, certificate
        self._lock = threading.RLock()
        self._refusals: dict[str, list[tuple[grpc.StatusCode, str]]] = {}
        self._operations: dict[str, dict[str, Any]] = {}
        self._failing: str = ""
        self._server = grpc.server(ThreadPoolExecutor(4))
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, self._handlers()),))
        self.host = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait()

    def refuse(self, method: str, code: grpc.StatusCode, text: str, times: int = 1) -> None:
        """Answer the next calls of a method with this error."""
        self._refusals.setdefault(method, []).extend([(code, text)] * times)

    def fail_next_operation(self, text: str) -> None:
        """Accept the next operation. It ends with this error."""
        self._failing = text

    def asked(self, method: str) -> list[Any]:
        """Return the requests of a method, in order."""
        return [request for name, request in self.calls if name == method]

    def _handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        methods: dict[str, tuple[Any, Any, Callable[[Any], Any]]] = {
            "ListClusters": (gke.ListClustersRequest, gke.ListClustersResponse, self._list_clusters),
            "GetCluster": (gke.GetClusterRequest, gke.Cluster, lambda asked: self._cluster(asked.name)),
            "CreateCluster": (gke.CreateClusterRequest, gke.Operation, self._create_cluster),
            "DeleteCluster": (gke.DeleteClusterRequest, gke.Operation, self._delete_cluster),
            "GetOperation": (gke.GetOperationRequest, gke.Operation, self._get_operation),
            "CreateNodePool": (gke.CreateNodePoolRequest, gke.Operation, self._create_pool),
            "DeleteNodePool": (gke.DeleteNodePoolRequest, gke.Operation, self._delete_pool),
            "SetNodePoolSize": (gke.SetNodePoolSizeRequest, gke.Operation, self._set_size),
            "SetNodePoolAutoscaling": (gke.SetNodePoolAutoscalingRequest, gke.Operation, self._set_autoscaling),
        }
        return {
            name: grpc.unary_unary_rpc_method_handler(
                self._answering(name, act), request_deserializer=asked.deserialize, response_serializer=said.serialize
            )
            for name, (asked, said, act) in methods.items()
        }

    def _answering(self, name: str, act: Callable[[Any], Any]) -> Callable[[Any, grpc.ServicerContext], Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                with self._lock:
                    self.calls.append((name, request))
                    if waiting := self._refusals.get(name):
                        raise Refused(*waiting.pop(0))
                    return act(request)
            except Refused as refused:
                return context.abort(refused.code, str(refused))

        return answer

    # ------------------------------------------------------------------ clusters
    def _cluster(self, name: str) -> Any:
        if name not in self.clusters:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Not found: {name}.")
        return self.clusters[name]

    def _list_clusters(self, asked: Any) -> Any:
        prefix = asked.parent.removesuffix("/locations/-") + "/"
        return gke.ListClustersResponse(clusters=[c for name, c in self.clusters.items() if name.startswith(prefix)])

    def _create_cluster(self, asked: Any) -> Any:
        cluster, path = asked.cluster, f"{asked.parent}/clusters/{asked.cluster.name}"
        match = _CLUSTER.fullmatch(path)
        if match is None:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"Invalid value for field: {path!r}")
        if path in self.clusters:
            raise Refused(grpc.StatusCode.ALREADY_EXISTS, f"Already exists: {path}.")
        if not any(pool.initial_node_count > 0 and not pool.config.spot for pool in cluster.node_pools):
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "Cluster.initial_node_count must be greater than zero.")
        location = match[2]
        cluster.location = location
        zones = [f"{location}-{zone}" for zone in "bcd"] if location.count("-") == 1 else [location]
        cluster.locations = zones
        cluster.endpoint, cluster.current_master_version = self._endpoint, "1.35.8-gke.1036000"
        cluster.master_auth.cluster_ca_certificate = self._certificate
        cluster.status = gke.Cluster.Status.PROVISIONING
        for pool in cluster.node_pools:
            pool.locations = zones
        self.clusters[path] = cluster

        def done() -> None:
            cluster.status = gke.Cluster.Status.RUNNING
            for pool in cluster.node_pools:
                pool.status = gke.NodePool.Status.RUNNING

        def failed() -> None:
            cluster.status, cluster.status_message = gke.Cluster.Status.ERROR, "no machines"

        return self._operation("CREATE_CLUSTER", match[1], done, failed)

    def _delete_cluster(self, asked: Any) -> Any:
        cluster = self._cluster(asked.name)
        cluster.status = gke.Cluster.Status.STOPPING
        return self._operation("DELETE_CLUSTER", asked.name, lambda: self.clusters.pop(asked.name))

    # ------------------------------------------------------------------ pools
    def _pool(self, name: str) -> tuple[Any, Any]:
        path, _, pool_name = name.partition("/nodePools/")
        cluster = self._cluster(path)
        for pool in cluster.node_pools:
            if pool.name == pool_name:
                return cluster, pool
        raise Refused(grpc.StatusCode.NOT_FOUND, f"Not found: node pool {pool_name!r}.")

    def _create_pool(self, asked: Any) -> Any:
        cluster, pool = self._cluster(asked.parent), asked.node_pool
        if any(had.name == pool.name for had in cluster.node_pools):
            raise Refused(grpc.StatusCode.ALREADY_EXISTS, f"Already exists: node pool {pool.name!r}.")
        pool.locations, pool.status = list(cluster.locations), gke.NodePool.Status.RUNNING
        return self._operation("CREATE_NODE_POOL", asked.parent, lambda: cluster.node_pools.append(pool))

    def _delete_pool(self, asked: Any) -> Any:
        cluster, pool = self._pool(asked.name)

        def done() -> None:
            cluster.node_pools = [had for had in cluster.node_pools if had.name != pool.name]

        return self._operation("DELETE_NODE_POOL", asked.name, done)

    def _set_size(self, asked: Any) -> Any:
        def done() -> None:
            self._pool(asked.name)[1].initial_node_count = asked.node_count

        self._pool(asked.name)
        return self._operation("SET_NODE_POOL_SIZE", asked.name, done)

    def _set_autoscaling(self, asked: Any) -> Any:
        def done() -> None:
            self._pool(asked.name)[1].autoscaling = asked.autoscaling

        self._pool(asked.name)
        return self._operation("UPDATE_CLUSTER", asked.name, done)

    # ------------------------------------------------------------------ operations
    def _operation(
        self, kind: str, target: str, done: Callable[[], Any], failed: Callable[[], Any] = lambda: None
    ) -> Any:
        place = "/".join(target.split("/")[:4])
        name = f"operation-{len(self._operations)}"
        failing, self._failing = self._failing, ""
        kept = {"kind": kind, "left": LOOKS, "end": failed if failing else done, "error": failing}
        self._operations[f"{place}/operations/{name}"] = kept
        return gke.Operation(name=name, operation_type=kind, status=gke.Operation.Status.RUNNING)

    def _get_operation(self, asked: Any) -> Any:
        kept = self._operations.get(asked.name)
        if kept is None:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Not found: {asked.name}.")
        kept["left"] -= 1
        name = asked.name.rpartition("/")[2]
        if kept["left"] > 0:
            return gke.Operation(name=name, status=gke.Operation.Status.RUNNING)
        if kept["left"] == 0:
            kept["end"]()
        operation = gke.Operation(name=name, status=gke.Operation.Status.DONE)
        if kept["error"]:
            operation.error = {"code": 8, "message": kept["error"]}
        return operation
