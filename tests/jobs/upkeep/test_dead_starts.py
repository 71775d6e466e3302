"""Consumers that died at their start are an obstacle only while a task waits."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

from kubeque.clusters.local import slot_folder
from kubeque.jobs.upkeep.reconcile import reconcile
from kubeque.queues.claim import claim
from tests.jobs.sweeps import Ended, ended_job, make_backends


def test_deaths_at_the_start_are_no_obstacle_once_all_tasks_run(tmp_path: Path) -> None:
    # Given a job of two tasks, and a slot whose consumers died before their first task
    backends = make_backends(tmp_path)
    ended_job(backends, [{"x": 1}, {"x": 2}], lambda _: Ended(), run=False)
    fleet = backends.cluster.fleet("sweep")
    job = backends.queue.update("sweep", lambda now: replace(now, fleet=fleet, created=time.time()))
    folder = slot_folder(backends.config.home, fleet)
    folder.mkdir(parents=True)
    history = {"started": time.time(), "deaths": 6, "log": 0}
    (folder / "0.slot").write_text(json.dumps({"pid": 4194303, "start": "1", **history}))

    # While a task waits, the deaths are the reason
    (reason,) = reconcile(backends, "sweep", start=False).obstacles
    assert reason.startswith("the last 7 consumers died before their first task")

    # When other consumers run all tasks, nothing waits
    lease = claim(backends.queue, job, "local:elsewhere:101:1", reserve=2)
    assert lease is not None
    progress = reconcile(backends, "sweep", start=False)
    assert (progress.counts.pending, progress.counts.running) == (0, 2)
    assert not any("died" in obstacle for obstacle in progress.obstacles)
