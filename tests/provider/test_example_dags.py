"""Every example DAG runs on this Airflow, as `dag.test()` runs it."""

from __future__ import annotations

import csv
import importlib
import os
from pathlib import Path
from typing import Any

import pytest

from kubeque.client import Client


def load(name: str) -> Any:
    """The DAG of that name, from the file of that name."""
    return importlib.import_module(f"example_dags.{name}").submit.dag


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
    (trained,) = [ti for ti in dag_run.get_task_instances() if ti.task_id == "train"]
    assert trained.xcom_pull(task_ids="train") == pytest.approx({"slope": 2.5, "intercept": 1.0})
