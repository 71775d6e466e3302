"""Canaries in Airflow: a few rows run first, and the other rows run after a release."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pendulum
import pytest

from kubeque.client import Client
from kubeque.model.job.job_state import JobState
from kubeque_provider.airflow_versions import AIRFLOW_2
from kubeque_provider.exceptions import BadSweep, RowsFailed
from kubeque_provider.operators.go import KubequeGoOperator
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor
from tests.provider.conftest import Run

Make = Callable[[], KubequeSubmitOperator]
ROWS = [{"n": n} for n in range(8)]


def submitter(*words: str, rows: Any = ROWS, **fields: Any) -> Make:
    """Return a function that makes the submission of a DAG, with a release and a sensor downstream of it."""
    from airflow.providers.common.compat.sdk import DAG

    def make() -> KubequeSubmitOperator:
        with DAG("a_dag", schedule=None, start_date=pendulum.datetime(2026, 1, 1)):
            made = KubequeSubmitOperator(
                task_id="submit", command=list(words), parameters=rows, poke_interval=0.1, **{"canaries": 2, **fields}
            )
            go = KubequeGoOperator(task_id="go", job_id=made.output)
            KubequeJobSensor(task_id="wait", job_id=go.output)
        return made

    return make


def go(run: Run, pointer: Any, **fields: Any) -> Any:
    return run.execute(KubequeGoOperator(task_id="go", job_id=pointer, **fields))


@pytest.mark.parametrize("deferrable", [False, True])
def test_the_submission_returns_with_an_estimate_and_go_releases_the_rest(
    run: Run, wait: Any, deferrable: bool
) -> None:
    make = submitter("/bin/sleep", "0.1", deferrable=deferrable)
    pointer, events = run.execute_deferred(make)
    assert (pointer["counts"]["ok"], pointer["counts"]["held"]) == (2, 6)
    assert set(events) <= {"ended"}
    estimate = run.xcoms["submit", "estimate"]
    assert f"{pointer['job_id']}: 2 of 2 canaries are ok" in estimate
    assert "6 more tasks" in estimate
    with Client() as client:
        assert client.job(pointer["job_id"]).orphan_after is None, "a person may take days"

    released = go(run, pointer)
    assert wait(released)["counts"]["ok"] == 8
    assert go(run, pointer)["counts"]["ok"] == 8, "nothing is held any more: not an error"


def test_failed_canaries_hold_everything_back_if_they_must_be_ok(run: Run) -> None:
    pointer, _ = run.execute_deferred(submitter("/bin/sh", "-c", "echo no luck >&2; exit 3"))
    assert "failed  2 x exit code 3: no luck" in run.xcoms["submit", "estimate"]
    with pytest.raises(RowsFailed, match=r"canaries failed, so no other row is released(?s:.*)0 of 2 canaries are ok"):
        go(run, pointer, require_ok=True)
    with Client() as client:
        assert client.status(pointer["job_id"]).counts.held == 6
    assert go(run, pointer)["counts"]["held"] == 0


def test_after_a_correction_canaries_run_first_again(run: Run, tmp_path: Path) -> None:
    # Given canaries of which one fails, and a sweep that a person stops
    make = submitter("/bin/sh", "-c", f"test -e {tmp_path}/good || test $1 = 0", "x", "{n}")
    pointer, _ = run.execute_deferred(make)
    assert (pointer["counts"]["ok"], pointer["counts"]["failed"]) == (1, 1)
    with Client() as client:
        client.kill(pointer["job_id"])

    # When the cause is corrected and the submission is cleared
    (tmp_path / "good").touch()
    again, _ = run.execute_deferred(make, 2)

    # Then the ok row is kept, two other rows run, and the others are held again
    assert (again["counts"]["ok"], again["counts"]["held"]) == (3, 5)
    assert "2 of 2 canaries are ok" in run.xcoms["submit", "estimate"]


def test_a_killed_sweep_cannot_be_released(run: Run) -> None:
    pointer, _ = run.execute_deferred(submitter("/bin/true"))
    with Client() as client:
        client.kill(pointer["job_id"])
    with pytest.raises(BadSweep, match=r"is killed: KubequeResetOperator"):
        go(run, pointer)


def test_fewer_rows_than_canaries_all_run(run: Run, wait: Any) -> None:
    pointer, _ = run.execute_deferred(submitter("/bin/true", rows=ROWS[:2]))
    assert pointer["counts"]["held"] == 0
    assert "no row is held" in run.xcoms["submit", "estimate"]
    assert wait(go(run, pointer, require_ok=True))["counts"]["ok"] == 2


@pytest.mark.parametrize(
    ("canaries", "message"),
    [(0, "canaries=0: give a number of rows from 1 to 1000"), ("two", "canaries 'two'"), (1.5, "canaries 1.5")],
)
def test_a_wrong_number_is_an_error_of_the_import(canaries: Any, message: str) -> None:
    with pytest.raises(BadSweep, match=message):
        submitter("/bin/true", canaries=canaries)()


@pytest.mark.timeout(240)
@pytest.mark.skipif(AIRFLOW_2, reason="Airflow 2 has no human-in-the-loop operators")
def test_the_example_runs_after_an_approval_with_the_estimate() -> None:
    module = importlib.import_module("example_dags.approved_sweep")
    assert "xcom_pull(task_ids='submit', key='estimate')" in module.approve.body
    # Airflow's own command for a DAG without a server marks the approval as a success.
    dag_run = module.submit.dag.test(mark_success_pattern="approve")
    states = {ti.task_id: str(ti.state) for ti in dag_run.get_task_instances()}
    assert states == {
        "submit": "success", "approve": "success", "go": "success", "wait": "success", "fetch": "success",
        "stop": "skipped",
    }  # fmt: skip
    (folder,) = Path(os.environ["MANDELBROT_RESULTS"] + "-approved").iterdir()
    assert len(list(folder.glob("*/mandelbrot.png"))) == 7
    with Client() as client:
        assert [job.state for job in client.jobs()] == [JobState.ACTIVE]


@pytest.mark.skipif(not AIRFLOW_2, reason="Airflow 3.1 has the operators")
def test_without_the_operators_the_example_has_no_dag() -> None:
    assert not hasattr(importlib.import_module("example_dags.approved_sweep"), "submit")
