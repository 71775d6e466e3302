"""The listener that cancels the sweep of a sensor in reschedule mode that a user has marked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubeque.client import Client
from kubeque.model.job.job_state import JobState
from kubeque.model.job.reset_rule import ResetRule
from kubeque_provider.plugins import listener
from kubeque_provider.plugins.sweeps import KubequePlugin
from tests.provider.conftest import HOME

_DAG = """
import pendulum
from airflow.providers.common.compat.sdk import DAG

from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor

with DAG("marked_{cancel}", schedule=None, start_date=pendulum.datetime(2026, 1, 1)) as dag:
    submit = KubequeSubmitOperator(
        task_id="submit", command=["/bin/sh", "-c", "test ! -e {flag} || sleep 600"], job_id="marked",
    )
    KubequeJobSensor(
        task_id="wait", job_id=submit.output, mode="reschedule", poke_interval=1, cancel_on_kill={cancel}
    )
"""


@pytest.mark.timeout(240)
@pytest.mark.parametrize("cancel", [True, False])
def test_a_mark_by_a_user_cancels_the_sweep_and_other_ends_do_not(tmp_path: Path, cancel: bool) -> None:
    # Given a sensor in reschedule mode that has polled its job, and a job that runs
    path = HOME / "dags" / f"marked_{cancel}.py"
    path.write_text(_DAG.format(flag=tmp_path / "flag", cancel=cancel))
    names: dict[str, Any] = {"__file__": str(path), "__name__": path.stem}
    exec(compile(path.read_text(), str(path), "exec"), names)
    dag_run = names["dag"].test()
    assert str(dag_run.state) == "success"
    (waited,) = [ti for ti in dag_run.get_task_instances() if ti.task_id == "wait"]
    (tmp_path / "flag").touch()
    with Client() as client:
        client.reset("marked", ResetRule(everything=True))

        # When the task ends by itself, nothing happens
        for hook in (listener.on_task_instance_failed, listener.on_task_instance_success):
            hook(previous_state="running", task_instance=waited)
        assert client.job("marked").state is JobState.ACTIVE

        # When a user marks it, Airflow calls the listener with no previous state, in the API server
        mark: Callable[..., Any] = listener.on_task_instance_failed
        mark(previous_state=None, task_instance=waited)
        listener.finish()
        assert client.job("marked").state is (JobState.KILLED if cancel else JobState.ACTIVE)


def test_a_mark_of_another_task_does_nothing() -> None:
    from types import SimpleNamespace

    other = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1)
    listener.on_task_instance_success(previous_state=None, task_instance=other)
    listener.finish()


def test_airflow_loads_the_listener_with_the_plugin() -> None:
    from airflow.listeners.listener import get_listener_manager

    assert KubequePlugin.listeners == [listener]
    manager = get_listener_manager()
    manager.add_listener(listener)
    assert manager.pm.is_registered(listener)
