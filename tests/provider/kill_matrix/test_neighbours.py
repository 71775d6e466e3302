"""A second Airflow with the same DAGs on the same queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from kubeque.client import Client
from tests.provider.kill_matrix.conftest import HOME, SERVER
from tests.provider.kill_matrix.sweeps import Sweep
from tests.servers.airflow import AirflowServer
from tests.servers.here import running
from tests.servers.postgres import PostgresServer

Make = Callable[..., Sweep]


@pytest.fixture
def second(airflow: AirflowServer) -> Iterator[AirflowServer]:
    """A second Airflow with its own database. The DAGs and the queue are the same."""
    homes = {name: airflow.environ[name] for name in ("KUBEQUE_HOME", "HOME", "KILL_MATRIX_RUNS")}
    with running(PostgresServer) as postgres:
        server = SERVER(HOME / "dags", postgres.create_database(), homes)
        try:
            server.start(dags=22)
            yield server
        finally:
            server.stop()


def test_two_airflows_leave_each_others_jobs_alone(sweep: Make, second: AirflowServer) -> None:
    # Given the same run of the same DAG in both
    one = sweep("submit_deferred", "twin").begin()
    other = replace(one, airflow=second)
    second.run(other.dag, other.run_id)
    for twin in (one, other):
        twin.waits()
    assert one.name != other.name

    # When it is ended in one, then that sweep is cancelled and the other goes on to its end
    one.airflow.mark(one.dag, one.run_id, "wait", "failed")
    if one.hears:
        one.cancelled()
    other.goes_on()
    other.release()
    second.until("the other ends", lambda: other.ended() in ("success", "failed"))
    assert other.ended() == "success"
    with Client() as client:
        assert client.status(other.name).counts.ok == 2

    # And a clear in one runs again what is its own
    uid = other.job().uid
    one.airflow.clear(one.dag, one.run_id, "wait")
    one.airflow.until("it ends again", lambda: one.ended() == "success")
    assert (other.job().uid, one.job().uid != uid) == (uid, True)
