"""Sweeps whose rows do nothing, of two sizes, with rows in a file beside the DAG and with rows in the DAG itself."""

import os

import pendulum
from airflow.sdk import DAG

from kubeque_provider.operators.submit import KubequeSubmitOperator


def sweep(name, parameters, command=("/bin/true", "{n}")):
    with DAG(name, schedule=None, start_date=pendulum.datetime(2026, 1, 1), max_active_runs=100) as made:
        KubequeSubmitOperator(
            task_id="sweep", command=list(command), parameters=parameters, wait=True, deferrable=True,
        )  # fmt: skip
    return made


for size in (1_000, 10_000):
    globals()[f"file_{size}"] = sweep(f"file_{size}", f"rows-{size}.csv")
go = os.environ["KUBEQUE_HOME"] + "/{{ run_id }}.go"
held = sweep("held", [{"n": 1}], ("/bin/sh", "-c", "until test -e $0; do sleep 0.2; done", go))
