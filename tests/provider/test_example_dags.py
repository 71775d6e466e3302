"""Every example DAG runs on this Airflow, as `dag.test()` runs it."""

from __future__ import annotations

import csv
import importlib
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kubeque.client import Client
from kubeque_provider.airflow_versions import AIRFLOW_2


def load(name: str) -> Any:
    """Return the DAG with that name, from the file with the same name."""
    return importlib.import_module(f"example_dags.{name}").submit.dag


def outcome(dag_run: Any, task_id: str) -> Any:
    """Return the result of an Airflow task of a run."""
    (ended,) = [ti for ti in dag_run.get_task_instances() if ti.task_id == task_id]
    return ended.xcom_pull(task_ids=task_id)


@pytest.mark.timeout(240)
def test_the_mandelbrot_sweep_brings_seven_pictures() -> None:
    found = load("mandelbrot_sweep").test()
    assert str(found.state) == "success"
    (folder,) = Path(os.environ["MANDELBROT_RESULTS"]).iterdir()
    assert len(list(folder.glob("*/mandelbrot.png"))) == 7
    with open(folder / "results.csv", newline="") as file:
        assert [row["state"] for row in csv.DictReader(file)] == ["ok"] * 7


@pytest.mark.timeout(240)
def test_the_daily_sweep_takes_its_rows_from_upstream(tmp_path: Path) -> None:
    dag = load("daily_sweep")
    assert dag.catchup is False
    assert str(dag.test().state) == "success"
    with Client() as client:
        (job,) = client.jobs()
        assert [record["station"] for record in client.table(job.name)] == ["north", "south", "O'Hare; 2"]
        client.fetch(job.name, tmp_path / "fetched")
    said = (tmp_path / "fetched" / "2" / "stdout.txt").read_text()
    assert said.startswith("station O'Hare; 2, 204 m, on 20")


@pytest.mark.timeout(240)
def test_a_function_is_swept_and_what_it_returns_is_the_table() -> None:
    assert str(load("function_sweep").test().state) == "success"
    with Client() as client:
        (job,) = client.jobs()
        table = client.table(job.name)
    assert [row["state"] for row in table] == ["ok"] * 7
    assert table[0]["out.area"] == 4 / float(table[0]["zoom"]) ** 2
    assert table[0]["out.steps"] == "[50, 100]"


@pytest.mark.timeout(240)
def test_a_model_is_trained_on_the_table_of_a_sweep() -> None:
    dag_run = load("train_on_table").test()
    assert str(dag_run.state) == "success"
    assert outcome(dag_run, "train") == pytest.approx({"slope": 2.5, "intercept": 1.0})


@pytest.mark.rotating
@pytest.mark.timeout(240)
def test_of_a_list_that_grows_only_what_is_new_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_TABLES", str(tmp_path))
    dag = load("incremental_sweep")
    for day in ("2026-03-09", "2026-03-10"):
        when = datetime.fromisoformat(f"{day}T00:00:00+00:00")
        dag_run = dag.test(**{"execution_date" if AIRFLOW_2 else "logical_date": when})
        assert str(dag_run.state) == "success"
    with Client() as client:
        first, newest = (client.status(job.name) for job in client.jobs())
        attempts = {record["day"]: record["attempts"] for record in client.table(newest.job.name)}
    assert (newest.counts.ok, first.counts.ok) == (7, 7)
    assert [day for day, count in attempts.items() if count] == ["2026-03-10"]
    with open(tmp_path / "2026-03-10.csv", newline="") as file:
        assert [row["out.length"] for row in csv.DictReader(file)] == ["10"] * 7


@pytest.mark.timeout(240)
def test_an_event_of_an_asset_says_what_to_sweep_over() -> None:
    module = importlib.import_module("example_dags.asset_sweep")
    if AIRFLOW_2:  # there events are kept of assets only that the scheduler knows
        module.submit.dag.sync_to_db()
    assert str(module.arrival.operator.dag.test().state) == "success"
    assert str(module.submit.dag.test().state) == "success"
    with Client() as client:
        (job,) = client.jobs()
        assert [record["out.letters"] for record in client.table(job.name)] == [4, 5, 5]


@pytest.mark.rotating
@pytest.mark.timeout(240)
def test_each_partition_has_a_sweep_and_one_task_reads_all_tables() -> None:
    dag_run = load("partition_sweep").test()
    assert str(dag_run.state) == "success"
    assert outcome(dag_run, "gather") == {"north": 12, "south": 12, "west": 10}
    with Client() as client:
        assert len(client.jobs()) == 3
