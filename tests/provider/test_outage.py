"""The queue's server is away for a while: whoever waits goes on waiting, and the sweep ends well."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kubeque_provider.airflow_versions import AIRFLOW_2
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor
from tests.provider.conftest import Run
from tests.servers.here import running
from tests.servers.postgres import PostgresServer

#: Longer than all that is tried again below Airflow.
AWAY_SECONDS = 8.0


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresServer]:
    """The server of the queue of `kubeque_default`."""
    with running(PostgresServer) as server:
        extra = {"queue_url": server.create_database(), "default_url_prefix": str(tmp_path / "results")}
        monkeypatch.setenv("AIRFLOW_CONN_KUBEQUE_DEFAULT", json.dumps({"conn_type": "kubeque", "extra": extra}))
        yield server


def submitter(**fields: Any) -> KubequeSubmitOperator:
    return KubequeSubmitOperator(task_id="submit", command=["/bin/sleep", "6"], poke_interval=0.5, **fields)


def sensor(**fields: Any) -> KubequeJobSensor:
    return KubequeJobSensor(task_id="wait", job_id="away", poke_interval=0.5, **fields)


WAYS: dict[str, Callable[[Run], Any]] = {
    "submit": lambda run: run.execute(submitter(job_id="away", wait=True)),
    "sensor": lambda run: run.execute(sensor()),
    "deferred": lambda run: run.execute_deferred(lambda: sensor(deferrable=True))[0],
}


def in_a_thread(way: Callable[[Run], Any], run: Run) -> Any:
    """Airflow 2 lets an operator execute in the thread only that has loaded Airflow, as tasks do."""
    if AIRFLOW_2:
        from airflow.models.baseoperator import ExecutorSafeguard

        ExecutorSafeguard._sentinel.callers = {}
    return way(run)


@pytest.mark.parametrize("way", WAYS)
def test_the_queue_is_away_and_comes_back(server: PostgresServer, run: Run, way: str) -> None:
    run.execute(submitter(job_id="away"))
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(in_a_thread, WAYS[way], run)
        time.sleep(2)
        server.stop()
        time.sleep(AWAY_SECONDS)
        assert not waiting.done(), waiting.exception()
        server.start()
        assert waiting.result(60)["counts"]["ok"] == 1
