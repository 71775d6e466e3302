"""Sweeps of rows without work, in two sizes. Their rows are in a file beside the DAG or in the DAG itself."""

import os
from datetime import timedelta

import pendulum
from airflow.sdk import DAG

from kubeque_provider.operators.submit import KubequeSubmitOperator

#: Arguments for one retry. A scheduler that is busy with the mapping can detect late that a process has ended. It then
#: treats the next process, which the triggerer has requested, as dead. The next try adopts the sweep.
AGAIN = {"retries": 1, "retry_delay": timedelta(seconds=1)}


def sweep(name, parameters, command=("/bin/true", "{n}")):
    start = pendulum.datetime(2026, 1, 1)
    with DAG(name, schedule=None, start_date=start, max_active_runs=100, default_args=AGAIN) as made:
        KubequeSubmitOperator(
            task_id="sweep", command=list(command), parameters=parameters, wait=True, deferrable=True,
        )  # fmt: skip
    return made


for size in (1_000, 10_000):
    globals()[f"file_{size}"] = sweep(f"file_{size}", f"rows-{size}.csv")
go = os.environ["KUBEQUE_HOME"] + "/{{ run_id }}.go"
held = sweep("held", [{"n": 1}], ("/bin/sh", "-c", "until test -e $0; do sleep 0.2; done", go))
