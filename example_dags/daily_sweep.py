"""A sweep every day. An Airflow task returns the rows, which are passed to `parameters=` through XCom."""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor


@task
def stations() -> list[dict[str, object]]:
    """Return the rows of today: here three names, in practice the result of a database query."""
    return [{"station": name, "height": height} for name, height in (("north", 12), ("south", 40), ("O'Hare; 2", 204))]


with DAG(
    "daily_sweep",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 2, "retry_delay": pendulum.duration(minutes=5)},
    tags=["kubeque"],
):
    submit = KubequeSubmitOperator(
        task_id="submit",
        # {station} is a value of the row, and {{ ds }} is a template of Airflow.
        command=["/bin/echo", "station {station}, {height} m, on {{ ds }}"],
        parameters=stations(),
        memory="200Mi",
    )
    KubequeJobSensor(task_id="wait", job_id=submit.output, deferrable=True)
