"""A sweep on a GKE cluster that is created before the sweep, and deleted after it, also if the sweep fails.

The connection `kubeque_default` has project, cluster_name, location and default_image: docs/howto/gke.md.
"""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG

from kubeque_provider.operators.cluster import KubequeStartClusterOperator, KubequeStopClusterOperator
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor

with DAG("gke_sweep", schedule=None, start_date=pendulum.datetime(2026, 1, 1), catchup=False, tags=["kubeque"]):
    start = KubequeStartClusterOperator(task_id="start", nodes=1, spot_nodes="0:20")
    submit = KubequeSubmitOperator(
        task_id="submit",
        command=["python3", "^../examples/sample-job/mandelbrot.py", "{x_scale}", "{y_scale}", "{zoom}"],
        parameters="../examples/sample-job/params.csv",
        memory="500Mi",
        spot=True,
    )
    wait = KubequeJobSensor(task_id="wait", job_id=submit.output, poke_interval=30, mode="reschedule")
    stop = KubequeStopClusterOperator(task_id="stop")
    # A teardown always runs, and does not hide a failure of the sweep.
    start >> submit >> wait >> stop.as_teardown(setups=start.as_setup())
