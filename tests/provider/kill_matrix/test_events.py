"""A user or a limit ends the Airflow task that waits for a sweep. Each way to wait is tested."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.provider.kill_matrix.sweeps import DEFERRED, PROCESS, WAYS, Sweep

Make = Callable[..., Sweep]
#: Actions with which a user ends a sweep.
ENDS: dict[str, Callable[[Sweep], Any]] = {
    "marked failed": lambda one: one.airflow.mark(one.dag, one.run_id, "wait", "failed"),
    "marked success": lambda one: one.airflow.mark(one.dag, one.run_id, "wait", "success"),
    "run deleted": lambda one: one.airflow.delete_run(one.dag, one.run_id),
}


@pytest.mark.parametrize("event", ENDS)
def test_a_person_who_ends_the_airflow_task_cancels_the_sweep(sweep: Make, event: str) -> None:
    waiting = [sweep(way, event.replace(" ", "-")).begin() for way in (*PROCESS, *DEFERRED)]
    for one in waiting:
        one.waits()
    for one in waiting:
        ENDS[event](one)
    for one in waiting:
        one.is_told()


def test_a_limit_that_is_reached_cancels_the_sweep(sweep: Make) -> None:
    kinds = ("task_limit", "run_limit")
    made = [sweep(way, kind, kind) for kind in kinds for way in (*PROCESS, *DEFERRED)]
    # Without a notification, Airflow and the trigger end a deferred task at the same moment: either may be first.
    waiting = [one.begin() for one in made if one.hears or one.kind == "run_limit"]
    for one in waiting:
        one.airflow.until(f"the job of {one.dag} is there", one.job_or_none)
    for one in waiting:
        one.airflow.until(f"{one.dag} has ended", lambda one=one: one.ended() == "failed")
        one.is_told()


def test_cleared_it_goes_on_and_the_next_try_takes_it_up(sweep: Make) -> None:
    waiting = [sweep(way, "cleared").begin() for way in WAYS]
    for one in waiting:
        one.waits()
    for one in waiting:
        one.airflow.clear(one.dag, one.run_id, "wait")
    for one in waiting:
        one.waits(attempt=2)
    for one in waiting:
        # The trigger of the previous try is notified late, when the next try already waits.
        if one.way in DEFERRED and one.hears:
            one.says("continues")
        one.goes_on()
        one.release()
    for one in waiting:
        one.succeeds()


def test_with_cancel_on_kill_off_it_goes_on(sweep: Make) -> None:
    waiting = [sweep(way, "kept", "kept").begin() for way in ("submit", "submit_deferred")]
    for one in waiting:
        one.waits()
    for one in waiting:
        one.airflow.mark(one.dag, one.run_id, "wait", "failed")
    for one in waiting:
        if one.hears:
            one.says("continues")
        one.goes_on()
