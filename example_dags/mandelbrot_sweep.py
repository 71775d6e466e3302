"""The sample sweep: seven views of the Mandelbrot set, painted by seven tasks of one job."""

from __future__ import annotations

import os

import pendulum
from airflow.providers.common.compat.sdk import DAG

from kubeque_provider.operators.fetch import KubequeFetchOperator
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor

with DAG("mandelbrot_sweep", schedule=None, start_date=pendulum.datetime(2026, 1, 1), catchup=False, tags=["kubeque"]):
    submit = KubequeSubmitOperator(
        task_id="submit",
        command=["python3", "^../examples/sample-job/mandelbrot.py", "{x_scale}", "{y_scale}", "{zoom}"],
        parameters="../examples/sample-job/params.csv",
        results=["*.png"],
    )
    wait = KubequeJobSensor(task_id="wait", job_id=submit.output, poke_interval=1)
    fetch = KubequeFetchOperator(
        task_id="fetch",
        job_id=wait.output,
        dest=os.environ.get("MANDELBROT_RESULTS", "/tmp/mandelbrot") + "/{{ run_id }}",
    )
    submit >> wait >> fetch
