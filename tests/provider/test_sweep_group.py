"""The task group `KubequeSweep`: submit, wait and fetch in one line."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pendulum
import pytest

from kubeque_provider.exceptions import BadSweep
from kubeque_provider.task_groups.sweep import KubequeSweep
from tests.provider.conftest import HOME

_DAG = """
import pendulum
from airflow.providers.common.compat.sdk import DAG

from kubeque_provider.operators.collect import KubequeCollectOperator
from kubeque_provider.task_groups.sweep import KubequeSweep

with DAG("{name}", schedule=None, start_date=pendulum.datetime(2026, 1, 1)) as dag:
    sweep = KubequeSweep(
        "scan", command=["/bin/sh", "-c", "echo $1 > out.txt; exit {code}", "x", "{{n}}"],
        parameters=[dict(n=n) for n in range(4)], dest="{dest}/{{{{ run_id }}}}", poke_interval=0.2, glob="*.txt",
        default_args=dict(retries=3), {more}
    )
    KubequeCollectOperator(task_id="collect", job_id=sweep.output, dest="{dest}/table.csv")
"""


def dag(**fields: Any) -> Any:
    from airflow.providers.common.compat.sdk import DAG

    with DAG("a_dag", schedule=None, start_date=pendulum.datetime(2026, 1, 1)) as made:
        KubequeSweep("scan", **{"command": ["/bin/true"], **fields})
    return made


def load(name: str, **fields: str) -> Any:
    path = HOME / "dags" / f"{name}.py"
    path.write_text(_DAG.format(name=name, **{"code": "0", **fields}))
    names: dict[str, Any] = {"__file__": str(path), "__name__": name}
    exec(compile(path.read_text(), str(path), "exec"), names)
    return names


@pytest.mark.timeout(240)
@pytest.mark.parametrize("more", ["", "canaries=1"])
def test_the_group_submits_waits_and_fetches(tmp_path: Path, more: str) -> None:
    names = load(f"group_{len(more)}", dest=str(tmp_path / "r"), more=more)
    run = names["dag"].test()
    assert str(run.state) == "success"
    tasks = {ti.task_id for ti in run.get_task_instances()}
    released = {"scan.go"} if more else set()
    assert tasks == {"scan.submit", "scan.wait", "scan.fetch", "collect"} | released
    assert (tmp_path / "r" / run.run_id / "3" / "out.txt").read_text() == "3\n"
    assert len((tmp_path / "r" / "table.csv").read_text().splitlines()) == 5


@pytest.mark.timeout(240)
def test_failed_rows_that_are_allowed_are_fetched_after_the_sensor_has_failed(tmp_path: Path) -> None:
    names = load("group_failed", dest=str(tmp_path / "r"), more="allow_failed_rows=True", code="3")
    run = names["dag"].test()
    states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
    assert states == {
        "scan.submit": "success", "scan.wait": "failed", "scan.fetch": "success", "collect": "upstream_failed",
    }  # fmt: skip
    assert (tmp_path / "r" / run.run_id / "3" / "out.txt").read_text() == "3\n"


def test_each_task_of_the_group_gets_its_arguments() -> None:
    made = dag(
        dest="/data/{{ run_id }}", memory="1Gi", deferrable=True, timeout=60, state="ok", kubeque_conn_id="far",
        default_args={"retries": 2}, canaries=3, parameters=[{"n": n} for n in range(9)],
    )  # fmt: skip
    tasks = made.task_dict
    assert tasks["scan.submit"].memory == "1Gi"
    assert tasks["scan.submit"].kubeque_conn_id == "far"
    assert tasks["scan.go"].require_ok
    assert tasks["scan.wait"].deferrable
    assert tasks["scan.wait"].timeout == 60
    assert tasks["scan.fetch"].state == "ok"
    assert {task.retries for task in tasks.values()} == {2}
    order = ["scan.submit", "scan.go", "scan.wait", "scan.fetch"]
    assert all(after in tasks[before].downstream_task_ids for before, after in pairwise(order))


def test_without_a_destination_nothing_is_fetched() -> None:
    assert set(dag().task_dict) == {"scan.submit", "scan.wait"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"glob": "*.png"}, "'glob' has no effect without dest: give dest"),
        ({"wait": True}, "sets 'wait' itself: leave 'wait' out"),
        ({"retries": 2}, r"'retries' is an argument of each Airflow task: write default_args=\{'retries': ...\}"),
        ({"memroy": "1Gi"}, "has no argument 'memroy': did you mean 'memory'"),
        ({"command": "echo"}, "write a list of texts"),
        ({"canaries": 0}, "canaries=0: give a number"),
    ],
)
def test_a_mistake_is_an_error_of_the_import(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(BadSweep, match=message):
        dag(**fields)
