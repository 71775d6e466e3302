"""Start a cluster on GKE before a sweep, and stop it after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubeque_provider.airflow_versions import BaseOperator
from kubeque_provider.exceptions import permanent
from kubeque_provider.hooks.gke import start_cluster, stop_cluster
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.naming import DEFAULT_CONNECTION


class KubequeStartClusterOperator(BaseOperator):
    """See that the GKE cluster of the connection runs, with bucket, database, account and workload identity.

    What is there stays as it is. Returns {cluster, pools}. It costs money until KubequeStopClusterOperator.
    """

    template_fields: Sequence[str] = ("nodes", "spot_nodes", "machine_type", "kubeque_conn_id")
    template_ext: Sequence[str] = ()
    ui_color = "#e4f4e4"

    def __init__(
        self, *, nodes: str | int = 1, spot_nodes: str | None = None, machine_type: str | None = None,
        kubeque_conn_id: str = DEFAULT_CONNECTION, **kwargs: Any,
    ) -> None:  # fmt: skip
        """`nodes`: those that stay, as in 3 or "1:5". `spot_nodes`: those that may vanish, as in "0:20"."""
        super().__init__(**kwargs)
        self.nodes = nodes
        self.spot_nodes = spot_nodes
        self.machine_type = machine_type
        self.kubeque_conn_id = kubeque_conn_id

    def execute(self, context: Any) -> dict[str, Any]:
        """Start it. Raises BadSweep for what the DAG's author has to mend, ClusterError."""
        with permanent():
            hook = KubequeHook(self.kubeque_conn_id)
            return start_cluster(hook, str(self.nodes), self.spot_nodes, self.machine_type)


class KubequeStopClusterOperator(BaseOperator):
    """Delete the GKE cluster of the connection; queue and results stay. Runs whatever became of the sweep."""

    template_fields: Sequence[str] = ("kubeque_conn_id",)
    template_ext: Sequence[str] = ()
    ui_color = "#f4dcdc"

    def __init__(
        self, *, kubeque_conn_id: str = DEFAULT_CONNECTION, trigger_rule: str = "all_done", **kwargs: Any
    ) -> None:
        """`trigger_rule`: when, if not in any case; as a teardown Airflow has a rule of its own."""
        super().__init__(trigger_rule=trigger_rule, **kwargs)
        self.kubeque_conn_id = kubeque_conn_id

    def execute(self, context: Any) -> None:
        """Stop it. Raises BadSweep for what the DAG's author has to mend, ClusterError."""
        with permanent():
            stop_cluster(KubequeHook(self.kubeque_conn_id))
