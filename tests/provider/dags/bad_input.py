"""Errors of a DAG author, one per Airflow task. The message of a failure is written to a file with the task's name."""

import os
from contextlib import contextmanager
from pathlib import Path

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from kubeque_provider.operators.fetch import KubequeFetchOperator
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor

#: Values that an upstream Airflow task may return and that are not a table of rows.
SHAPES = {
    "text": "north", "number": 3, "numbers": [1, 2], "dict": {"a": [1, 2]}, "nothing": None, "empty": [],
    "uneven": [{"a": 1}, {"b": 2}], "missing": [{"a": 1}, {"a": None}], "nested": [{"a": {"b": 1}}],
}  # fmt: skip
CONNECTIONS = ("nowhere", "wrong_key", "wrong_url", "wrong_cluster", "no_json", "a_list", "other_type")


def told(operator):
    """Write the message of a failure to a file, because dag.test() of some versions calls no on_failure_callback."""

    class Told(operator):
        def render_template_fields(self, *args, **fields):
            with telling(self.task_id):
                return super().render_template_fields(*args, **fields)

        def execute(self, context):
            with telling(self.task_id):
                return super().execute(context)

    return Told


@contextmanager
def telling(name):
    try:
        yield
    except Exception as error:
        Path(os.environ["BAD_INPUT_SAYS"], name).write_text(f"{type(error).__name__}: {error}")
        raise


Submit, Sensor, Fetch = told(KubequeSubmitOperator), told(KubequeJobSensor), told(KubequeFetchOperator)


@task
def gives(value):
    return value


def submit(task_id, *words, rows=None, **fields):
    Submit(
        task_id=task_id, command=["/bin/echo", *words], parameters=rows or [{"a": 1}], wait=True, poke_interval=0.1,
        **fields,
    )  # fmt: skip


with DAG("bad_input", schedule=None, start_date=pendulum.datetime(2026, 1, 1)) as dag:
    Sensor(task_id="no_job", job_id="nobody")
    Sensor(task_id="no_job_deferred", job_id="nobody", deferrable=True)
    Fetch(task_id="no_job_fetched", job_id="nobody", dest="/tmp/nowhere")
    Sensor(task_id="no_name", job_id=gives.override(task_id="gives_a_number")(7))
    for shape, value in SHAPES.items():
        submit(f"rows_{shape}", on_empty="fail", rows=gives.override(task_id=f"gives_{shape}")(value))
    for name in CONNECTIONS:
        submit(f"connection_{name}", kubeque_conn_id=name)
    Sensor(task_id="sensor_nowhere", job_id="x", kubeque_conn_id="nowhere")
    submit("doubled_brace", "{{x}}")
    submit("unknown_in_row", rows=[{"a": 1}, {"a": "{{ nothing.here }}"}], render_rows=True)
