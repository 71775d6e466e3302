"""Rows that fail for a permanent cause: the effect of a retry by Airflow, a lost try, a clear and a command."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from kubeque.client import Client
from tests.provider.kill_matrix.sweeps import DEFERRED, PROCESS, Sweep
from tests.servers.airflow import AirflowServer

Make = Callable[..., Sweep]


def fail(one: Sweep) -> Sweep:
    """Mark row 2 as failing, and end both rows."""
    (one.folder / "bad-2").touch()
    one.release()
    return one


def has_failed(one: Sweep, *, attempt: int) -> None:
    """Wait until the run has failed for good in this try. Airflow has two retries."""
    one.airflow.until(f"the run of {one.dag} has failed", lambda: one.ended() == "failed")
    assert one.airflow.task(one.dag, one.run_id, "wait")["try_number"] == attempt


def corrected(one: Sweep) -> None:
    (one.folder / "bad-2").unlink()


def test_such_rows_run_once_whatever_the_retries_and_again_after_a_clear(sweep: Make) -> None:
    failed = [fail(sweep(way, "own-fault").begin()) for way in (*PROCESS, *DEFERRED)]
    for one in failed:
        has_failed(one, attempt=1)
        assert one.ran() == ["1", "2"]
        one.says("Airflow does not retry, because")
        corrected(one)
        one.airflow.clear(one.dag, one.run_id, "wait")
    for one in failed:
        one.succeeds(rows=["2"])


def test_a_lost_try_does_not_run_them_again_and_a_lost_clear_does(airflow: AirflowServer, sweep: Make) -> None:
    # Given a try whose process dies while rows fail
    one = fail(sweep("submit", "lost-try").begin(stop="waiting"))
    pid = one.at("waiting")

    def ended() -> bool:
        with Client() as client:
            return client.progress(one.name).counts.ended == 2

    airflow.until("both rows have ended", ended)
    one.hit(pid, signal.SIGKILL, "waiting")

    # Then the retry does not run them again
    has_failed(one, attempt=2)
    one.says("this retry by Airflow runs no row again", attempt=2)
    assert one.ran() == ["1", "2"]

    # When a person clears the task, and that try dies before it does anything
    corrected(one)
    (one.folder / "at-begin").unlink()
    (one.folder / "stop-begin").touch()
    airflow.clear(one.dag, one.run_id, "wait")
    one.hit(one.at("begin"), signal.SIGKILL, "begin")

    # Then the retry does what the clear asked for
    one.succeeds(rows=["2"])
    assert airflow.task(one.dag, one.run_id, "wait")["try_number"] == 4


def test_a_person_who_runs_the_task_by_a_command_runs_them_again(airflow: AirflowServer, sweep: Make) -> None:
    one = fail(sweep("submit", "by-hand").begin())
    has_failed(one, attempt=1)
    assert one.ran() == ["1", "2"]
    corrected(one)
    run = ["run", "--local", "--force"] if airflow.PARTS[0] == "webserver" else ["test"]  # Airflow 3 has no `run`
    airflow.command("tasks", *run, one.dag, "wait", one.run_id)
    assert one.ran() == ["2"]


@pytest.mark.parametrize("way", ["submit", "sensor_deferred"])
def test_rows_that_did_not_run_do_so_in_the_next_try(airflow: AirflowServer, sweep: Make, way: str) -> None:
    one = sweep(way, "unrun").begin()
    one.waits()
    with Client() as client:
        client.kill(one.name)
    one.waits(attempt=2)
    one.release()
    airflow.until("the run ends", lambda: one.ended() == "success")
