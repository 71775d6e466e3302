"""A sweep for each day, for backfills. Each row writes its day and its value to a file."""

import os
from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG

from kubeque_provider.operators.submit import KubequeSubmitOperator

# A busy Airflow may lose a try of its own accord: the next one takes up the sweep where it is.
AGAIN = {"retries": 2, "retry_delay": timedelta(seconds=1)}
with DAG("daily", schedule="@daily", start_date=pendulum.datetime(2026, 1, 1), catchup=False, default_args=AGAIN):
    RAN = os.environ["KILL_MATRIX_RUNS"] + "/daily-ran"
    KubequeSubmitOperator(
        task_id="sweep", command=["/bin/sh", "-c", "echo $0 {a} >> $1", "{{ ds }}", RAN],
        parameters=[{"a": 1}, {"a": 2}], wait=True, deferrable=True, poke_interval=2.0,
    )  # fmt: skip
