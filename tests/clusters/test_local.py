"""Consumers as processes of this machine: their places, and who of them is dead."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from kubeque.clusters.local import LocalCluster, Slot, machine, owner_name, start_ticks
from kubeque.model.task import Cause


def test_a_slot_has_one_holder(tmp_path: Path) -> None:
    first, second = Slot(tmp_path, 0), Slot(tmp_path, 0)
    assert first.take()
    assert not second.take(patience_seconds=0.1)
    assert second.alive()

    first.leave()
    assert not second.alive()


def test_a_process_is_known_by_its_start_as_well_as_its_number() -> None:
    assert start_ticks(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert start_ticks(child.pid) == ""


def test_the_coroner_knows_the_dead_of_this_machine_and_what_they_ran(tmp_path: Path) -> None:
    cluster = LocalCluster(tmp_path, "memory:")
    cluster.folder.mkdir(parents=True)
    dead = f"local:{machine()}:{2**22 - 1}:12345"
    assert cluster.coroner(owner_name()) is None
    assert cluster.coroner("local:elsewhere:1:1") is None
    death = cluster.coroner(dead)
    assert death is not None
    assert (death.cause, death.running) == (Cause.LOST, None)

    (cluster.folder / "3.slot").write_text(f'{{"owner": "{dead}", "pid": 4194303, "start": "12345", "index": 17}}')
    death = cluster.coroner(dead)
    assert death is not None
    assert death.running == 17
