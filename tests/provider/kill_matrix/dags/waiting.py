"""Each way to wait for a sweep, as a DAG: the Airflow task `wait` waits. With each limit, that is another DAG."""

import os
from datetime import timedelta

import pendulum
import stops  # noqa: F401
from airflow.providers.common.compat.sdk import DAG

from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor

RUNS = os.environ["KILL_MATRIX_RUNS"]


def submit(task_id, **fields):
    command = ["^row.sh", "{a}", RUNS + "/{{ run_id }}"]
    return KubequeSubmitOperator(
        task_id=task_id, command=command, parameters=[{"a": 1}, {"a": 2}], consumers=2, **fields
    )


def sensor(**fields):
    sweep = submit("submit")
    return KubequeJobSensor(task_id="wait", job_id=sweep.output, **fields)


WAYS = {
    "submit": lambda **fields: submit("wait", wait=True, **fields),
    "submit_deferred": lambda **fields: submit("wait", wait=True, deferrable=True, **fields),
    "sensor": sensor,
    "sensor_deferred": lambda **fields: sensor(deferrable=True, **fields),
    "sensor_reschedule": lambda **fields: sensor(mode="reschedule", **fields),
}


#: Seconds between two looks. Rescheduled, a task that is queued again before a busy scheduler has read that its process
#: ended is taken by Airflow for one that was killed ("finished with state success, but ... queued"), and its try fails.
POKE_INTERVALS = dict.fromkeys(WAYS, 2.0) | {"sensor_reschedule": 15.0}


def make(name, way, limits=None, *, retries=2, **fields):
    again = {"retries": retries, "retry_delay": timedelta(seconds=1)}
    start = pendulum.datetime(2026, 1, 1)
    with DAG(name, schedule=None, start_date=start, default_args=again, **(limits or {})) as dag:
        WAYS[way](poke_interval=POKE_INTERVALS[way], **fields)
    globals()[f"dag_{name}"] = dag


for way in WAYS:
    make(way, way)
    make(f"{way}-task_limit", way, retries=0, execution_timeout=timedelta(seconds=20))
    make(f"{way}-run_limit", way, {"dagrun_timeout": timedelta(seconds=45)})
    make(f"{way}-kept", way, cancel_on_kill=False)
make("orphan", "sensor_reschedule", orphan_after=45.0)

with DAG("loop", schedule=None, start_date=pendulum.datetime(2026, 1, 1)):
    sweep = KubequeSubmitOperator(
        task_id="submit", command=["^loop.sh", "{a}", RUNS + "/{{ run_id }}"], parameters=[{"a": n} for n in (1, 2, 3)]
    )
    KubequeJobSensor(task_id="wait", job_id=sweep.output, deferrable=True, poke_interval=1.0)
