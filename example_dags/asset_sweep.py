"""A sweep that an asset starts: one DAG reports new files, and the other DAG runs a sweep over these files."""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, Asset, task

from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor

FIRST = pendulum.datetime(2026, 1, 1)
PICTURES = Asset("x-kubeque://example/pictures")
TABLE = Asset("x-kubeque://example/table")

with DAG("asset_arrival", schedule=None, start_date=FIRST, catchup=False, tags=["kubeque"]):

    @task(outlets=[PICTURES])
    def arrive(*, outlet_events: Any) -> None:
        """Report the new files in the event of the asset."""
        outlet_events[PICTURES].extra["names"] = ["tern", "o'hare; 2", "heron"]

    arrival = arrive()

with DAG("asset_sweep", schedule=[PICTURES], start_date=FIRST, catchup=False, tags=["kubeque"]):

    @task(inlets=[PICTURES])
    def names(*, inlet_events: Any) -> list[dict[str, str]]:
        """Return the rows of the newest event."""
        return [{"name": name} for name in inlet_events[PICTURES][-1].extra["names"]]

    submit = KubequeSubmitOperator(
        task_id="submit", command=["python3", "^../examples/count_letters.py", "{name}"], parameters=names()
    )
    # The event of the outlet has {job_id, results, counts}, so another DAG can find the results.
    KubequeJobSensor(task_id="wait", job_id=submit.output, poke_interval=1, outlets=[TABLE])
