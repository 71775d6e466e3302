"""The most common loop: a row fails, the user corrects the script and clears the Airflow task."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.provider.kill_matrix.conftest import HOME
from tests.provider.kill_matrix.sweeps import Sweep

Make = Callable[..., Sweep]
SCRIPT = '#!/bin/sh\necho "$1" >> "$2/ran"\n'
ROWS = ["1", "2", "3"]


@pytest.fixture
def failed(sweep: Make) -> Sweep:
    """A run with a failed second row. The row fails while a certain file exists."""
    (HOME / "dags" / "loop.sh").write_text(SCRIPT + '[ "$1" != 2 ] || [ ! -e "$2/bad" ]\n')
    one = sweep("loop", "loop")
    one.folder.mkdir()
    (one.folder / "bad").touch()
    one.airflow.run(one.dag, one.run_id)
    one.airflow.until("the run has failed", lambda: one.ended() == "failed")
    assert one.ran() == ROWS
    return one


def test_the_mended_script_runs_for_what_failed_and_a_green_run_that_is_cleared_for_all(failed: Sweep) -> None:
    (HOME / "dags" / "loop.sh").write_text(SCRIPT)
    failed.airflow.clear(failed.dag, failed.run_id, "submit", downstream=True)
    failed.succeeds(rows=["2"])

    failed.airflow.clear(failed.dag, failed.run_id, "submit", downstream=True)
    failed.succeeds(rows=ROWS)


def test_the_sensor_alone_is_cleared(failed: Sweep) -> None:
    (failed.folder / "bad").unlink()
    failed.airflow.clear(failed.dag, failed.run_id, "wait")
    failed.succeeds(rows=["2"])
