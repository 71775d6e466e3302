"""A sweep every day over a growing list: `skip_done` runs only new rows, and the table has all rows."""

from __future__ import annotations

import os

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from kubeque_provider.operators.collect import KubequeCollectOperator
from kubeque_provider.operators.submit import KubequeSubmitOperator

FIRST = pendulum.datetime(2026, 1, 1)


@task
def days(until: str) -> list[dict[str, str]]:
    """Return a row for each of the last seven days. A real DAG could return a row for each existing file."""
    last = pendulum.parse(until)
    return [{"day": last.subtract(days=back).to_date_string()} for back in range(6, -1, -1)]


with DAG("incremental_sweep", schedule="@daily", start_date=FIRST, catchup=False, tags=["kubeque"]):
    submit = KubequeSubmitOperator(
        task_id="submit",
        command=["python3", "^../examples/count_letters.py", "{day}"],
        parameters=days("{{ ds }}"),
        # A row that is ok in an earlier DAG run is linked and does not run: six of these seven days.
        skip_done=True,
        results_ttl="30d",
        # No sensor is downstream, so this Airflow task also waits, in the triggerer.
        deferrable=True,
    )
    KubequeCollectOperator(
        task_id="collect", job_id=submit.output, dest=os.environ.get("SWEEP_TABLES", "/tmp/tables") + "/{{ ds }}.csv"
    )
