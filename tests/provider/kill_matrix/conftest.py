"""One real Airflow for all tests in this folder, with its own queue and consumers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import airflow
import pytest

from kubeque.client import Client
from tests.provider.kill_matrix.sweeps import Sweep, numbered
from tests.servers.airflow import AirflowServer
from tests.servers.airflow2 import Airflow2Server
from tests.servers.here import running
from tests.servers.postgres import PostgresServer
from tests.servers.process import temporary_folder

DAGS = Path(__file__).parent / "dags"
HOME = temporary_folder("kill")
#: The Airflow that is installed here.
SERVER = Airflow2Server if airflow.__version__.startswith("2.") else AirflowServer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Exclude these tests from `make test`, because they take minutes."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.kill)
            item.add_marker(pytest.mark.timeout(400))


@pytest.fixture(scope="session", autouse=True)
def airflow_db() -> None:
    """This Airflow makes a database itself."""


@pytest.fixture(autouse=True)
def kubeque_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue that Airflow's tasks use."""
    monkeypatch.setenv("KUBEQUE_HOME", str(HOME / "kubeque"))
    monkeypatch.setenv("HOME", str(HOME))
    monkeypatch.chdir(HOME)


@pytest.fixture(scope="session", name="airflow")
def airflow_server() -> Iterator[AirflowServer]:
    """All of its processes."""
    shutil.copytree(DAGS, HOME / "dags", dirs_exist_ok=True)
    (HOME / "runs").mkdir(exist_ok=True)
    homes = {"KUBEQUE_HOME": str(HOME / "kubeque"), "HOME": str(HOME), "KILL_MATRIX_RUNS": str(HOME / "runs")}
    with running(PostgresServer) as postgres:
        server = SERVER(HOME / "dags", postgres.create_database(), homes)
        try:
            server.start(dags=22)
            yield server
        finally:
            server.stop()
            stop_consumers()


def stop_consumers() -> None:
    """Stop the consumers of this queue. (The user has a different queue.)"""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBEQUE_HOME", str(HOME / "kubeque"))
        patch.setenv("HOME", str(HOME))
        with Client() as client:
            client.stop()


@pytest.fixture
def sweep(airflow: AirflowServer) -> Iterator[Callable[..., Sweep]]:
    """A sweep that waits in a given way. At the end it is killed, and its rows can end if it is tried again."""
    made: list[Sweep] = []

    def make(way: str, what: str, kind: str = "") -> Sweep:
        made.append(Sweep(airflow, HOME / "runs", way, numbered(what), kind))
        return made[-1]

    yield make
    with Client() as client:
        for one in made:
            one.release()
            if one.job_or_none() is not None:
                client.kill(one.name)
