"""Without the argument `wait`, the tasks downstream of a submission decide whether it waits."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG

from kubeque_provider.airflow_versions import AIRFLOW_2
from kubeque_provider.downstream import has_reader, has_sensor
from kubeque_provider.exceptions import BadSweep, SweepFailed
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor
from tests.provider.conftest import Run
from tests.provider.dags.waits import cleared, small, waits

#: The submissions of the DAG `waits`, and whether a sensor waits for their job.
HAS_SENSOR = {
    "alone": False, "fetched": False, "first": False, "second": True, "named": False, "other": True, "pulled": True,
    "quiet": False, "literal": True, "far": True, "through": True, "group.inner": True, "mapped": True,
    "each.one": True, "function": True, "function_alone": False, "both": True, "neither": False,
}  # fmt: skip


@pytest.mark.parametrize("task_id", HAS_SENSOR)
def test_a_sensor_of_the_job_is_found_wherever_it_is(task_id: str) -> None:
    assert has_sensor(waits.task_dict[task_id]) is HAS_SENSOR[task_id]


def test_an_operator_that_reads_the_results_is_found() -> None:
    assert [task_id for task_id in HAS_SENSOR if has_reader(waits.task_dict[task_id])] == ["fetched"]


@pytest.mark.timeout(240)
def test_in_a_run_only_submissions_without_a_sensor_wait() -> None:
    dag_run = small.test()
    assert str(dag_run.state) == "success"
    ended = {
        (ti.task_id, ti.map_index): ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index)["counts"]["ok"]
        for ti in dag_run.get_task_instances()
    }
    assert ended == {("alone", -1): 1, ("mapped", 0): 0, ("wait_mapped", 0): 1}


@pytest.mark.timeout(240)
def test_a_submission_cleared_alone_waits_itself(tmp_path: Path) -> None:
    from airflow.models.taskinstance import clear_task_instances
    from airflow.utils.session import create_session

    dag_run = cleared.test()
    assert str(dag_run.state) == "success"
    (tmp_path / "bad").touch()
    with create_session() as session:
        rerun = next(ti for ti in dag_run.get_task_instances(session=session) if ti.task_id == "rerun")
        clear_task_instances([rerun], session)
        rerun.try_number += 1  # the scheduler does this
        session.commit()
        run_task(rerun, session)
        # Its sensor does not run again, and without a wait the run would be green.
        assert (rerun.state, rerun.try_number) == ("failed", 2)


def run_task(ti: Any, session: Any) -> None:
    """Run a task as `DAG.test` does."""
    if AIRFLOW_2:
        ti.task = cleared.task_dict[ti.task_id]
        with suppress(SweepFailed):
            ti._run_raw_task(session=session)
    else:
        from airflow.sdk.definitions.dag import _run_task

        _run_task(ti=ti, task=cleared.task_dict[ti.task_id])


def sweep(run: Run, capfd: Any, caplog: Any, *, sensor: bool = False, **fields: Any) -> str:
    """Return the log of a submission, with or without a sensor downstream, that does not wait."""
    caplog.set_level("INFO")
    caplog.clear()
    with DAG("a_dag", start_date=pendulum.datetime(2026, 1, 1), schedule=None, default_args={"poke_interval": 7.0}):
        made = KubequeSubmitOperator(task_id="submit", command=["/bin/sleep", "9"], **fields)
        if sensor:
            KubequeJobSensor(task_id="wait", job_id=made.output)
    assert run.execute(made)["counts"]["ok"] == 0
    return "".join(capfd.readouterr()) + caplog.text


def test_arguments_without_effect_are_named_unless_they_are_defaults_for_all(run: Run, capfd: Any, caplog: Any) -> None:
    given = {"cancel_on_kill": True, "orphan_after": None, "retry_failed_rows": True}
    said = sweep(run, capfd, caplog, sensor=True, **given)
    assert "does not wait for its job: cancel_on_kill, orphan_after, retry_failed_rows. Give" in said
    assert "poke_interval" not in said
    assert "wait=False" not in said
    assert "does not wait for its job: poke_interval. Give" in sweep(
        run, capfd, caplog, sensor=True, job_id="b", poke_interval=9
    )


def test_no_wait_and_nothing_downstream_is_warned_of(run: Run, capfd: Any, caplog: Any) -> None:
    assert "Put a KubequeJobSensor downstream" in sweep(run, capfd, caplog, wait=False)
    assert "Put a KubequeJobSensor" not in sweep(run, capfd, caplog, wait=False, sensor=True, job_id="b")


def test_deferrable_means_waiting(run: Run) -> None:
    def make(**fields: Any) -> KubequeSubmitOperator:
        with DAG("a_dag", start_date=pendulum.datetime(2026, 1, 1), schedule=None, **fields.pop("dag", {})):
            made = KubequeSubmitOperator(task_id="submit", command=["/bin/sleep", "0.5"], poke_interval=0.1, **fields)
            KubequeJobSensor(task_id="wait", job_id=made.output)
        return made

    found, events = run.execute_deferred(lambda: make(deferrable=True))
    assert (found["counts"]["ok"], events) == (1, ["ended"])
    with pytest.raises(BadSweep, match="wait=False and deferrable=True"):
        make(deferrable=True, wait=False)
    # As a default for all operators of a DAG, it does not change what waits.
    shared = {"dag": {"default_args": {"deferrable": True}}}
    assert run.execute(make(**shared, wait=False, job_id="b"))["counts"]["ok"] == 0
    assert run.execute(make(**shared, job_id="c"))["counts"]["ok"] == 0


def test_orphan_after_is_compared_with_the_default_interval_too() -> None:
    with pytest.raises(ValueError, match="poke_interval=5 s"):
        KubequeSubmitOperator(task_id="s", command=["/bin/true"], orphan_after=timedelta(seconds=14))
