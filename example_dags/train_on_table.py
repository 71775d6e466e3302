"""Fan-in: a sweep computes a value for each row, and one Airflow task fits a line to the table of all rows."""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from kubeque_provider.table import records

with DAG("train_on_table", schedule=None, start_date=pendulum.datetime(2026, 1, 1), catchup=False, tags=["kubeque"]):

    @task.kubeque(parameters=[{"x": x} for x in range(10)], deferrable=False)
    def measure(x: float, slope: float) -> float:
        """Compute a formula. A real function could run a simulation of an hour."""
        return slope * x + 1

    @task
    def train(sweep: dict[str, object]) -> dict[str, float]:
        """Fit a line by least squares. XCom has only a pointer: the rows are read from the store."""
        rows = [(float(row["x"]), row["out.value"]) for row in records(sweep)]
        mean_x, mean_y = (sum(values) / len(rows) for values in zip(*rows, strict=True))
        slope = sum((x - mean_x) * (y - mean_y) for x, y in rows) / sum((x - mean_x) ** 2 for x, _ in rows)
        return {"slope": slope, "intercept": mean_y - slope * mean_x}

    sweep = measure(slope=2.5)
    submit = sweep.operator
    train(sweep)
