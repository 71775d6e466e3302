"""The number of consumers changes while a job runs, and no running task is killed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubeque.cli.commands.repair.scale import describe_scale
from kubeque.client import Progress
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.stats.places import Kind, PlaceCount
from tests.cli.conftest import Shell
from tests.waiting import until


@pytest.mark.rotating
def test_consumers_come_and_leave_after_their_task(shell: Shell) -> None:
    command = ["sh", "-c", "sleep 6"]  # long enough that no task is reserved ahead
    assert shell.run("sub", "-n", "j", "--no-wait", "--consumers", "1", "--repeat", "10", *command).returncode == 0
    assert shell.run("scale", "j", "3").stdout.startswith("j: 3 consumers wanted")
    until("three running tasks", lambda: status(shell)["counts"]["running"] == 3)

    assert json.loads(shell.run("scale", "j", "1", "--json").stdout)["job"] == "j"
    until("one consumer", lambda: status(shell)["consumers"] == 1)
    assert status(shell)["counts"]["ok"] < 10
    assert shell.run("scale", "j", "3").returncode == 0
    assert shell.run("watch", "j").returncode == 0

    tasks = [json.loads(line) for line in shell.run("status", "j", "--tasks", "--json").stdout.splitlines()]
    assert [task["attempts"] for task in tasks] == [1] * 10


def test_a_number_that_cannot_be_is_refused(shell: Shell) -> None:
    done = shell.run("scale", "j", "0")

    assert done.returncode == 2
    assert "give a number from 1 to 10000" in done.stderr


def status(shell: Shell) -> dict[str, Any]:
    found = json.loads(shell.run("status", "j", "--json").stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(("run_on", "lines"), [
    ("", ["j: 5 consumers wanted, 2 run"]),
    ("local,work", ["j: 5 consumers wanted, 2 run", "this is the number for the cluster of the job, without the"
                    " consumers of kubeque work (3 work on lab7)"]),
    ("work", ["j: 5 consumers wanted, 3 run", "only kubeque work starts consumers of this job: kubeque wanted j prints"
              " how many it wants"]),
])  # fmt: skip
def test_it_says_which_places_it_governs(run_on: str, lines: list[str]) -> None:
    places = [PlaceCount(Kind.LOCAL, 2)] * (run_on != "work") + [PlaceCount(Kind.WORK, 3, "lab7")] * bool(run_on)
    job = Job("j", "uid-1", 9, "/r", consumers=5, run_on=run_on)
    assert describe_scale(Progress(job, Counts(), sum(p.consumers for p in places), (), tuple(places))) == lines
