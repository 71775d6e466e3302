"""A person approves a sweep after its first rows have run. The approval shows the time and memory of the other rows.

The DAG exists on Airflow 3.1 and later, which have the human-in-the-loop operators.
"""

from __future__ import annotations

import os

import pendulum
from airflow.exceptions import AirflowOptionalProviderFeatureException
from airflow.providers.common.compat.sdk import DAG

from kubeque_provider.operators.fetch import KubequeFetchOperator
from kubeque_provider.operators.go import KubequeGoOperator
from kubeque_provider.operators.kill import KubequeKillOperator
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor

try:
    from airflow.providers.standard.operators.hitl import ApprovalOperator
except (ImportError, AirflowOptionalProviderFeatureException):  # before Airflow 3.1
    ApprovalOperator = None

if ApprovalOperator is not None:
    with DAG(
        "approved_sweep", schedule=None, start_date=pendulum.datetime(2026, 1, 1), catchup=False, tags=["kubeque"]
    ):
        # Two rows run. The Airflow task returns when they have ended, and the other rows are held.
        submit = KubequeSubmitOperator(
            task_id="submit",
            command=["python3", "^../examples/sample-job/mandelbrot.py", "{x_scale}", "{y_scale}", "{zoom}"],
            parameters="../examples/sample-job/params.csv",
            canaries=2,
            poke_interval=1,
        )
        approve = ApprovalOperator(
            task_id="approve",
            subject="Run the other rows?",
            body="```\n{{ ti.xcom_pull(task_ids='submit', key='estimate') }}\n```",
            fail_on_reject=True,
        )
        go = KubequeGoOperator(task_id="go", job_id=submit.output)
        wait = KubequeJobSensor(task_id="wait", job_id=go.output, poke_interval=1)
        fetch = KubequeFetchOperator(
            task_id="fetch",
            job_id=wait.output,
            dest=os.environ.get("MANDELBROT_RESULTS", "/tmp/mandelbrot") + "-approved/{{ run_id }}",
        )
        # After a rejection, the held rows are killed.
        stop = KubequeKillOperator(task_id="stop", job_id=submit.output, trigger_rule="one_failed")
        submit >> approve >> [go, stop]
        go >> wait >> fetch
