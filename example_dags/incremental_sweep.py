"""A sweep every day over a list that grows: `skip_done` runs what is new, and the table has everything."""

from __future__ import annotations

import os

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from kubeque_provider.operators.collect import KubequeCollectOperator
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor

FIRST = pendulum.datetime(2026, 1, 1)


@task
def days(until: str) -> list[dict[str, str]]:
    """A row for each day of the week that ends with the run's; elsewhere: for each file there is."""
    last = pendulum.parse(until)
    return [{"day": last.subtract(days=back).to_date_string()} for back in range(6, -1, -1)]


with DAG("incremental_sweep", schedule="@daily", start_date=FIRST, catchup=False, tags=["kubeque"]):
    submit = KubequeSubmitOperator(
        task_id="submit",
        command=["python3", "^../examples/count_letters.py", "{day}"],
        parameters=days("{{ ds }}"),
        # A row that was ok in any run of this Airflow task is linked: yesterday's run did six of these seven days.
        skip_done=True,
        results_ttl="30d",
    )
    wait = KubequeJobSensor(task_id="wait", job_id=submit.output, deferrable=True)
    KubequeCollectOperator(
        task_id="collect", job_id=wait.output, dest=os.environ.get("SWEEP_TABLES", "/tmp/tables") + "/{{ ds }}.csv"
    )
