"""One sweep for each partition, by dynamic task mapping. Each sweep can have any number of rows."""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor
from kubeque_provider.table import records

with DAG("partition_sweep", schedule=None, start_date=pendulum.datetime(2026, 1, 1), catchup=False, tags=["kubeque"]):

    @task
    def partitions() -> list[list[dict[str, str]]]:
        """Return the rows of each partition. The number of partitions may differ in each DAG run."""
        return [[{"region": region, "station": station} for station in "ab"] for region in ("north", "south", "west")]

    submit = KubequeSubmitOperator.partial(
        task_id="submit", command=["python3", "^../examples/count_letters.py", "{region}-{station}"]
    ).expand(parameters=partitions())
    wait = KubequeJobSensor.partial(task_id="wait", poke_interval=1).expand(job_id=submit.output)

    @task
    def gather(sweeps: list[dict[str, object]]) -> dict[str, int]:
        """Return the letters by region, from the tables of all sweeps."""
        rows = [row for sweep in sweeps for row in records(sweep)]
        return {
            region: sum(row["out.letters"] for row in rows if row["region"] == region)
            for region in sorted({row["region"] for row in rows})
        }

    gather(wait.output)
