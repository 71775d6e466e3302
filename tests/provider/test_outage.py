"""The server of the queue is unavailable for a while: waiting tasks continue to wait, and the sweep succeeds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kubeque_provider.airflow_versions import AIRFLOW_2
from kubeque_provider.exceptions import SweepFailed
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor
from tests.provider.conftest import Run
from tests.servers.here import running
from tests.servers.postgres import PostgresServer

#: Seconds of the outage; longer than all retries below Airflow.
AWAY_SECONDS = 8.0


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresServer]:
    """The server of the queue of `kubeque_default`."""
    with running(PostgresServer) as server:
        extra = {"queue_url": server.create_database(), "default_url_prefix": str(tmp_path / "results")}
        monkeypatch.setenv("AIRFLOW_CONN_KUBEQUE_DEFAULT", json.dumps({"conn_type": "kubeque", "extra": extra}))
        yield server


def submitter(**fields: Any) -> KubequeSubmitOperator:
    fields = {"command": ["/bin/sleep", "6"], "wait": False, **fields}
    return KubequeSubmitOperator(task_id="submit", poke_interval=0.5, **fields)


def sensor(**fields: Any) -> KubequeJobSensor:
    return KubequeJobSensor(task_id="wait", job_id="away", poke_interval=0.5, **fields)


WAYS: dict[str, Callable[[Run], Any]] = {
    "submit": lambda run: run.execute(submitter(job_id="away", wait=True)),
    "sensor": lambda run: run.execute(sensor()),
    "deferred": lambda run: run.execute_deferred(lambda: sensor(deferrable=True))[0],
}
#: A first look; a rescheduled sensor makes one with every poke.
FIRST: dict[str, Callable[[Run], Any]] = {
    "poke": WAYS["sensor"],
    "reschedule": lambda run: rescheduled(run),
    "deferred": WAYS["deferred"],
}


def rescheduled(run: Run) -> Any:
    """Execute a sensor in reschedule mode. As in Airflow, every poke gets a new sensor."""
    while not (found := sensor(mode="reschedule").poke(run.context("wait", 1))).is_done:
        time.sleep(0.5)
    return found.xcom_value


def in_a_thread(way: Callable[[Run], Any], run: Run) -> Any:
    """Airflow 2 lets an operator execute in the thread only that has loaded Airflow, as tasks do."""
    if AIRFLOW_2:
        from airflow.models.baseoperator import ExecutorSafeguard

        ExecutorSafeguard._sentinel.callers = {}
    return way(run)


@pytest.mark.rotating
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


def test_the_queue_is_away_for_the_first_look(server: PostgresServer, run: Run) -> None:
    run.execute(submitter(job_id="away"))
    server.stop()
    with ThreadPoolExecutor(len(FIRST)) as threads:
        waiting = {name: threads.submit(in_a_thread, way, run) for name, way in FIRST.items()}
        time.sleep(AWAY_SECONDS)
        assert {name: one.exception() for name, one in waiting.items() if one.done()} == {}
        server.start()
        assert {name: one.result(60)["counts"]["ok"] for name, one in waiting.items()} == dict.fromkeys(FIRST, 1)


@pytest.mark.rotating
def test_who_first_sees_a_failed_sweep_from_the_triggerer_repairs_it(
    server: PostgresServer, run: Run, tmp_path: Path
) -> None:
    # Given a sweep that one try has seen fail, and a queue that is away when the next try begins
    make = partial(sensor, deferrable=True, retry_causes={"lost": 7})
    run.execute(submitter(job_id="away", command=["/bin/sh", "-c", f"test -e {tmp_path}/mended"]))
    with pytest.raises(SweepFailed):
        run.execute_deferred(make)
    (tmp_path / "mended").touch()
    server.stop()

    # When the queue comes back
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(in_a_thread, lambda run: run.execute_deferred(make, 2), run)
        time.sleep(AWAY_SECONDS)
        assert not waiting.done(), waiting.exception()
        server.start()
        found, events = waiting.result(60)

    # Then the failed row runs again, on this try's terms
    assert (found["counts"]["ok"], events) == (1, ["ended"])
    with KubequeHook().get_conn() as client:
        job = client.job("away")
    assert (job.token.endswith("/wait/-1#2"), job.budgets.to_wire()["lost"]) == (True, 7)
