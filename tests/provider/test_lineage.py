"""The data of a real run in OpenLineage events, asset events and metrics."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Asset

from kubeque_provider.hooks.lineage import DataItem
from kubeque_provider.operators.collect import KubequeCollectOperator
from kubeque_provider.operators.fetch import KubequeFetchOperator
from tests.provider.conftest import HOME, Run

_DAG = """
import pendulum
from airflow.providers.common.compat.sdk import DAG

from kubeque_provider.operators.collect import KubequeCollectOperator
from kubeque_provider.task_groups.sweep import KubequeSweep

with DAG("lineage", schedule=None, start_date=pendulum.datetime(2026, 1, 1)) as dag:
    sweep = KubequeSweep(
        "scan", command=["/bin/sh", "^say.sh", "{n}"], parameters="rows.csv", push=["more.txt"],
        dest="DEST/files", poke_interval=0.2,
    )
    KubequeCollectOperator(task_id="collect", job_id=sweep.output, dest="DEST/table.csv")
if __name__ == "__main__":
    print("STATE", dag.test().state)
"""


@pytest.mark.rotating
@pytest.mark.timeout(300)
def test_the_events_of_a_real_run_name_inputs_table_and_results(tmp_path: Path) -> None:
    pytest.importorskip("airflow.providers.openlineage")
    # Given a DAG, its files, and OpenLineage's transport to a file
    dags, events = HOME / "dags", tmp_path / "events"
    dag = dags / "lineage.py"
    dag.write_text(_DAG.replace("DEST", str(tmp_path)))
    (dags / "rows.csv").write_text("n\n1\n2\n3\n")
    (dags / "say.sh").write_text("echo $1\n")
    (dags / "more.txt").write_text("more\n")
    transport = {"type": "file", "log_file_path": str(events), "append": True}

    # When it runs in a process of its own, which loads the listener of OpenLineage
    ran = subprocess.run(
        [sys.executable, str(dag)], capture_output=True, text=True, check=False, timeout=250,
        env={
            **os.environ, "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
            # The listener drops the events of an Airflow task after 10 s by default, which a busy machine exceeds.
            "AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT": "240",
        },
    )  # fmt: skip
    assert "STATE success" in ran.stdout, ran.stdout[-3000:] + ran.stderr[-3000:]

    # Then the last event of each Airflow task has its datasets
    last: dict[str, Any] = {}
    for line in events.read_text().splitlines():
        event = json.loads(line)
        if event["eventType"] == "COMPLETE":
            last[event["job"]["name"]] = event
    submit, fetch, collect = (last[f"lineage.{name}"] for name in ("scan.submit", "scan.fetch", "collect"))

    def names(event: Any, side: str) -> list[tuple[str, str]]:
        return [(item["namespace"], item["name"]) for item in event[side]]

    assert names(submit, "inputs") == [("file", str(dags / name)) for name in ("rows.csv", "say.sh", "more.txt")]
    ((namespace, results),) = names(submit, "outputs")
    assert (namespace, Path(results).is_dir()) == ("file", True)
    assert names(fetch, "inputs") == names(collect, "inputs") == [("file", results)]
    assert names(fetch, "outputs") == [("file", str(tmp_path / "files"))]
    (table,) = collect["outputs"]
    assert table["name"] == str(tmp_path / "table.csv")
    assert [field["name"] for field in table["facets"]["schema"]["fields"]][:3] == ["index", "n", "state"]
    assert table["outputFacets"]["outputStatistics"]["rowCount"] == 3


@pytest.mark.parametrize(
    ("url", "dataset"),
    [
        ("gs://bucket/a/b/", ("gs://bucket", "a/b")),
        ("s3://aws_default@bucket/a", ("s3://bucket", "a")),
        ("s3://bucket", ("s3://bucket", "/")),
        ("file:///data/x", ("file", "/data/x")),
        ("/data/x", ("file", "/data/x")),
    ],
)
def test_datasets_have_the_names_of_openlineage(url: str, dataset: tuple[str, str]) -> None:
    assert DataItem(url).dataset == dataset


def test_asset_events_of_fetch_and_collect_carry_destination_and_counts(
    submit: Callable[..., Any], run: Run, tmp_path: Path
) -> None:
    pointer = submit(["/bin/echo", "{a}"], parameters=[{"a": 1}, {"a": 2}])
    files, table = Asset("files"), Asset("table")
    run.execute(KubequeFetchOperator(task_id="f", job_id=pointer, dest=str(tmp_path / "r"), outlets=[files]))
    run.execute(KubequeCollectOperator(task_id="c", job_id=pointer, dest=str(tmp_path / "t.csv"), outlets=[table]))
    shared = {"job_id": pointer["job_id"], "counts": pointer["counts"]}
    told = run.outlet_events[files].extra
    assert told == {**shared, "dest": str(tmp_path / "r"), "tasks": 2, "files": told["files"]}
    assert run.outlet_events[table].extra == {**shared, "dest": str(tmp_path / "t.csv"), "rows": 2}


def test_rows_and_seconds_are_metrics_of_airflow(submit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    class Sink:
        def incr(self, name: str, count: int, *, tags: dict[str, str]) -> None:
            seen[name] = count, tags

        def timing(self, name: str, milliseconds: float, *, tags: dict[str, str]) -> None:
            seen[name] = milliseconds, tags

    monkeypatch.setattr("kubeque_provider.hooks.metrics.stats", Sink)
    submit(["/bin/sh", "-c", "sleep 0.3; test $1 != 1", "x", "{a}"], parameters=[{"a": 1}, {"a": 2}], allow_failed=1)
    tags = {"dag": "a_dag", "task": "submit"}
    assert seen["kubeque.rows_done"] == (1, tags)
    assert seen["kubeque.rows_failed"] == (1, tags)
    milliseconds, told = seen["kubeque.seconds_waited"]
    assert 300 < milliseconds < 60_000
    assert told == tags


def test_airflow_has_the_interface_for_metrics() -> None:
    from kubeque_provider.airflow_versions import stats

    stats().incr("kubeque.rows_done", 1, tags={"dag": "d"})
    stats().timing("kubeque.seconds_waited", 1.0, tags={"dag": "d"})
