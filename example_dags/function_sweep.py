"""A Python function that runs once for each row, with `@task.kubeque`."""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

with DAG("function_sweep", schedule=None, start_date=pendulum.datetime(2026, 1, 1), catchup=False, tags=["kubeque"]):

    @task.kubeque(parameters="../examples/sample-job/params.csv", memory="200Mi")
    def render(x_scale: float, y_scale: float, zoom: float, depth: int) -> dict[str, object]:
        """Compute one view. Only the source of the function is sent, so the imports are inside of it."""
        import math

        return {"area": 4 / zoom**2, "distance": math.hypot(x_scale, y_scale), "steps": [depth, depth * 2]}

    # `depth` is the same for all rows; the other arguments come from the row.
    submit = render(depth=50).operator
