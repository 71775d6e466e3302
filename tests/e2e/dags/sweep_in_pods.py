"""The sample sweep in pods. What the cluster at hand wants is in the environment, and beside this file in pod.yaml."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pendulum
from airflow.providers.common.compat.sdk import DAG

from kubeque_provider.operators.fetch import KubequeFetchOperator
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor

with DAG("sweep_in_pods", schedule=None, start_date=pendulum.datetime(2026, 1, 1), catchup=False) as dag:
    submit = KubequeSubmitOperator(
        task_id="submit",
        command=["python3", "^mandelbrot.py", "{x_scale}", "{y_scale}", "{zoom}"],
        parameters="params.csv",
        cluster="kubernetes://",
        image=os.environ["SWEEP_IMAGE"],
        cpu="100m",
        memory="128Mi",
        consumers=2,
        # Where Airflow finds emulators, pods find them here.
        env={name: value for name, value in os.environ.items() if name.endswith("_EMULATOR_HOST")},
        pod_template=json.loads(Path(__file__).with_name("pod.yaml").read_text()),
    )
    wait = KubequeJobSensor(task_id="wait", job_id=submit.output, poke_interval=1, deferrable=True)
    fetch = KubequeFetchOperator(
        task_id="fetch", job_id=wait.output, dest=str(Path(__file__).parents[1] / "results_of_dag")
    )
    submit >> wait >> fetch
