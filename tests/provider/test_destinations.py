"""Destinations of results: never among the DAG files. README's DAG can run every day."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG

from kubeque.model.errors import UserError
from kubeque_provider.airflow_versions import AIRFLOW_2
from kubeque_provider.exceptions import BadSweep
from kubeque_provider.operators.collect import KubequeCollectOperator
from kubeque_provider.operators.fetch import KubequeFetchOperator
from kubeque_provider.parsing.destination import resolve_dest
from tests.provider.conftest import HOME, Run, readme_dag


@pytest.fixture
def dags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The DAGs folder of this Airflow."""
    folder = tmp_path / "airflow" / "dags"
    folder.mkdir(parents=True)
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(folder))
    return folder


@pytest.mark.parametrize("dest", ["results", "./a/b", "../dags/x", "", "DAGS/results", "~/airflow/dags/x", "~/link/x"])
def test_a_dest_among_the_dags_is_refused_with_the_remedy(dags: Path, tmp_path: Path, dest: str) -> None:
    (tmp_path / "link").symlink_to(dags)
    with pytest.raises(UserError, match=r"in the folder of the DAG files .*give an absolute path outside"):
        resolve_dest(dest.replace("DAGS", str(dags)), str(dags), Run().context("fetch", 1))


@pytest.mark.parametrize(
    ("dest", "path"),
    [
        ("../results", "airflow/dags/../results"),
        ("../dags2/x", "airflow/dags/../dags2/x"),
        ("~/results", "results"),
        ("gs://bucket/x", ""),
    ],
)
def test_a_dest_elsewhere_is_used(dags: Path, tmp_path: Path, dest: str, path: str) -> None:
    found = resolve_dest(dest, str(dags), Run().context("fetch", 1))
    assert found == (str(tmp_path / path) if path else dest)


@pytest.mark.skipif(AIRFLOW_2, reason="Airflow 2 has no bundles")
def test_a_dest_in_a_bundle_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / "bundles"))
    bundle = SimpleNamespace(path=tmp_path / "elsewhere")
    for folder in ("elsewhere/dags", "bundles/git/versions/31ae0d9/dags"):
        context = Run().context("fetch", 1)
        context["ti"].bundle_instance = bundle
        with pytest.raises(UserError, match="in the folder of the DAG files"):
            resolve_dest("results", str(tmp_path / folder), context)


def test_operators_refuse_a_dest_among_the_dags(run: Run, dags: Path) -> None:
    for operator in (
        KubequeFetchOperator(task_id="fetch", job_id="a", dest=str(dags / "{{ run_id }}")),
        KubequeCollectOperator(task_id="collect", job_id="a", dest=str(dags / "table.csv")),
    ):
        with pytest.raises(BadSweep, match=r"in the folder of the DAG files"):
            run.execute(operator)


@pytest.mark.parametrize("dest", ["results/{{ ds }}", "results", "{{ ds }}/../x", "../{{ ds }}", "gs://a/{{ ds }}"])
def test_a_dest_that_begins_among_the_dags_is_an_error_of_the_import(dags: Path, dest: str) -> None:
    dag = DAG("a_dag", start_date=pendulum.datetime(2026, 1, 1), schedule=None)
    dag.fileloc = str(dags / "a_dag.py")
    refused = dest.startswith("results")
    with pytest.raises(BadSweep, match=r"in the folder of the DAG files") if refused else nullcontext():
        KubequeFetchOperator(task_id="fetch", job_id="a", dest=dest, dag=dag)


def test_the_dag_of_the_readme_uses_no_name_that_airflow_3_has_removed(tmp_path: Path) -> None:
    pytest.importorskip("ruff")
    (tmp_path / "readme.py").write_text(readme_dag(as_written=True))
    ran = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "AIR,F", str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout


def test_the_dag_of_the_readme_runs_twice() -> None:
    # Given README's DAG in a bundle of this Airflow, with a program and rows of the test
    text = readme_dag()
    rows = 'parameters="params.csv",'
    assert rows in text
    folder = HOME / "dags"
    (folder / "readme.py").write_text(text.replace(rows, f"{rows} poke_interval=0.2,"))
    (folder / "params.csv").write_text("x_scale,y_scale,zoom\n0,0,1\n")
    (folder / "mandelbrot.py").write_text("open('mandelbrot.png', 'w').close()\n")
    spec = importlib.util.spec_from_file_location("readme", folder / "readme.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    # Then each run has its results in a folder of its own, below the home folder
    runs = [module.sweep.dag.test() for _ in range(2)]
    assert [str(run.state) for run in runs] == ["success"] * 2
    for run in runs:
        assert Path(f"~/results/{run.run_id}/0/mandelbrot.png").expanduser().exists()
