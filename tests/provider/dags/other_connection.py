"""A sweep on the queue of another connection than the default one."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG

from kubeque_provider.operators.submit import KubequeSubmitOperator

with DAG("other_connection", schedule=None) as dag:
    KubequeSubmitOperator(task_id="submit", command=["/bin/true"], kubeque_conn_id="other")
