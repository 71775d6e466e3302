"""Several jobs at once on one machine. Higher priority goes first, and there are no more consumers than cores."""

from __future__ import annotations

import os
import time
from pathlib import Path

from kubeque.client import Client
from kubeque.model.rows.grid import sequence
from kubeque.model.sweep.sweep import Sweep


def consumers_of(home: Path) -> int:
    """Return the consumer processes of this home folder, as the kernel lists them.

    While a consumer starts a command, its child looks like a consumer too. So children are not counted.
    """
    parents = {}
    for folder in Path("/proc").iterdir():
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
        except OSError:
            continue
        if b"kubeque.consumer" in words and str(home).encode() in words:
            parents[folder.name] = parent
    return sum(parent not in parents for parent in parents.values())


def test_twenty_sweeps_at_once_are_served_by_one_consumer_for_each_core(client: Client) -> None:
    cores = len(os.sched_getaffinity(0))
    names = [f"job-{number}" for number in range(20)]
    for name in names:
        client.submit(Sweep(["sleep", "0.1"], name=name, rows=sequence(5)))
    most = 0
    while any(client.status(name).job.closing is None for name in names):
        most = max(most, consumers_of(client.config.home))
        time.sleep(0.1)
    assert 1 <= most <= cores
    assert all(client.status(name).counts.ok == 5 for name in names)


def test_a_job_of_higher_priority_overtakes_one_that_runs(client: Client) -> None:
    client.submit(Sweep(["sleep", "0.2"], name="long", rows=sequence(250), consumers=1))
    while not client.status("long").counts.ok:
        time.sleep(0.1)
    client.submit(Sweep(["true"], name="waits", rows=sequence(3), consumers=1))
    client.submit(Sweep(["true"], name="better", rows=sequence(3), consumers=1, priority=5))

    assert client.wait("better", timeout=40).counts.ok == 3
    assert client.status("long").counts.pending > 100
    assert client.status("waits").counts.ok == 0, "of one priority the first submitted goes first"

    client.prioritise("waits", 7)
    assert client.wait("waits", timeout=40).counts.ok == 3
    left = client.status("long").counts
    assert left.pending > 50
    end = time.monotonic() + 30
    while client.status("long").counts.ok <= left.ok:
        assert time.monotonic() < end, "it goes on where it was"
        time.sleep(0.2)
