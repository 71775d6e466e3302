"""Deaths of processes that do not wait (the polling triggerer, the scheduler), and cases without a restart."""

from __future__ import annotations

from collections.abc import Callable

from kubeque.model.job.job_state import JobState
from tests.provider.kill_matrix.sweeps import DEFERRED, PROCESS, RESCHEDULE, Sweep
from tests.servers.airflow import AirflowServer

Make = Callable[..., Sweep]


def test_a_triggerer_that_is_killed_polls_again_when_it_is_back(airflow: AirflowServer, sweep: Make) -> None:
    waiting = [sweep(way, "triggerer").begin() for way in DEFERRED]
    for one in waiting:
        one.waits()
    airflow.restart("triggerer", kill=True)
    for one in waiting:
        one.goes_on()
        one.release()
    for one in waiting:
        one.succeeds()
        assert airflow.task(one.dag, one.run_id, "wait")["try_number"] == 1


def test_a_scheduler_that_is_killed_with_its_processes_finds_every_sweep_again(
    airflow: AirflowServer, sweep: Make
) -> None:
    # Given sweeps waited for in each way; those in a process die with the scheduler that started it
    waiting = [sweep(way, "scheduler").begin() for way in ("submit", "submit_deferred", RESCHEDULE)]
    for one in waiting:
        one.waits()
    airflow.restart("scheduler", kill=True)

    # Then the next try takes the sweep over, and processes that wait elsewhere are not affected
    for one in waiting:
        if one.way in PROCESS:
            one.waits(attempt=2)
        one.goes_on()
        one.release()
    for one in waiting:
        one.succeeds()


def test_a_sweep_that_nobody_looks_at_stops_after_orphan_after(airflow: AirflowServer, sweep: Make) -> None:
    # Given a sensor between two looks, and no scheduler that starts the next look
    one = _between_two_looks(airflow, sweep, "orphan")
    with airflow.without("scheduler"):
        one.goes_on()
        airflow.until("nobody has looked for long enough", lambda: one.job().state is not JobState.ACTIVE)
        assert "no Airflow task has polled it" in one.job().reason


def test_a_sensor_that_is_marked_between_two_looks_cancels_its_sweep(airflow: AirflowServer, sweep: Make) -> None:
    # Airflow 3 calls the listener; Airflow 2 calls nothing, and `orphan_after` ends the sweep
    one = _between_two_looks(airflow, sweep, "marked")
    airflow.mark(one.dag, one.run_id, "wait", "failed")
    airflow.until("the sweep has ended", lambda: one.job().state is not JobState.ACTIVE)
    expected = "that waited for the job was ended" if airflow.calls_listeners else "no Airflow task has polled it"
    assert expected in one.job().reason


def _between_two_looks(airflow: AirflowServer, sweep: Make, name: str) -> Sweep:
    """Return a sweep whose sensor in reschedule mode has polled it and has no process at present."""
    one = sweep("orphan", name).begin()
    airflow.until("its sensor has looked", lambda: one.job_or_none() and "/wait/-1#1" in one.job().token)
    airflow.until("it is between two looks", lambda: airflow.state(one.dag, one.run_id, "wait") == "up_for_reschedule")
    return one
