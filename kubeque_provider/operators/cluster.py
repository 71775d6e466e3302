"""Operators that start a cluster on GKE before a sweep and stop it afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubeque_provider.airflow_versions import BaseOperator
from kubeque_provider.arguments import check_arguments, check_keywords
from kubeque_provider.exceptions import permanent
from kubeque_provider.hooks.gke import start_cluster, stop_cluster
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.naming import DEFAULT_CONNECTION
from kubeque_provider.parsing.checks import check_parsed


class KubequeStartClusterOperator(BaseOperator):
    """Create the GKE cluster of the connection, and its bucket, database, account and workload identity.

    Parts that exist are not changed. The cluster costs money until KubequeStopClusterOperator has deleted it.

    Returns {cluster, pools}: the URL of the cluster, and the number of nodes of each node pool.
    """

    template_fields: Sequence[str] = ("nodes", "spot_nodes", "machine_type", "kubeque_conn_id")
    template_ext: Sequence[str] = ()
    ui_color = "#e4f4e4"

    def __init__(
        self, *, nodes: str | int = 1, spot_nodes: str | None = None, machine_type: str | None = None,
        kubeque_conn_id: str = DEFAULT_CONNECTION, **kwargs: Any,
    ) -> None:  # fmt: skip
        """`nodes`: number of regular nodes, for example 3 or "1:5". `spot_nodes`: number of spot nodes, for example
        "0:20"."""
        check_keywords(self, kwargs)
        super().__init__(**kwargs)
        self.nodes = nodes
        self.spot_nodes = spot_nodes
        self.machine_type = machine_type
        self.kubeque_conn_id = kubeque_conn_id
        check_parsed(self)

    def execute(self, context: Any) -> dict[str, Any]:
        """Start the cluster. Raises BadSweep for wrong arguments or connections.

        Raises ClusterError if a part is not created.
        """
        with permanent():
            check_arguments(self)
            hook = KubequeHook(self.kubeque_conn_id)
            return start_cluster(hook, str(self.nodes), self.spot_nodes, self.machine_type)


class KubequeStopClusterOperator(BaseOperator):
    """Delete the GKE cluster of the connection. The queue and the results are kept.

    By default, this operator also runs after a failed sweep.
    """

    template_fields: Sequence[str] = ("kubeque_conn_id",)
    template_ext: Sequence[str] = ()
    ui_color = "#f4dcdc"

    def __init__(
        self, *, kubeque_conn_id: str = DEFAULT_CONNECTION, trigger_rule: str = "all_done", **kwargs: Any
    ) -> None:
        """`trigger_rule`: Airflow's trigger rule (default: always run). For a teardown, Airflow sets its own rule."""
        check_keywords(self, kwargs)
        super().__init__(trigger_rule=trigger_rule, **kwargs)
        self.kubeque_conn_id = kubeque_conn_id
        check_parsed(self)

    def execute(self, context: Any) -> None:
        """Delete the cluster. Raises BadSweep for wrong arguments or connections. Raises ClusterError."""
        with permanent():
            check_arguments(self)
            stop_cluster(KubequeHook(self.kubeque_conn_id))
