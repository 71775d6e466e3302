"""Deaths during a sweep: of the Airflow task at each point of its submission, of the triggerer and scheduler."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.provider.kill_matrix.sweeps import Sweep, parent

Make = Callable[..., Sweep]


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL], ids=lambda sign: sign.name)
def test_a_process_that_dies_while_it_submits_runs_nothing_twice(sweep: Make, sign: signal.Signals) -> None:
    # Given processes that have come to each point
    points = ("begin", "rows", "created", "submitted", "waiting")
    held = {point: sweep("submit", f"{point}-{sign.name}").begin(stop=point, go=point != "waiting") for point in points}
    pids = {point: one.at(point) for point, one in held.items()}

    # When each of them is hit
    for point, one in held.items():
        one.hit(pids[point], sign, point)

    # Then the sweep goes on and ends well, in one job, and each row has run once
    held["waiting"].release()
    for one in held.values():
        one.succeeds()


def test_who_watches_the_process_dies_and_the_next_try_takes_it_up(sweep: Make) -> None:
    one = sweep("submit", "watcher").begin()
    one.waits()
    os.kill(parent(one.at("waiting")), signal.SIGKILL)
    one.waits(attempt=2)
    one.goes_on()
    one.release()
    one.succeeds()
