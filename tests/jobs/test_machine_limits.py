"""Resources on one machine: tasks that do not fit wait. A need larger than the machine is refused or reduced."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kubeque.client import Client
from kubeque.clusters.machine import this_machine
from kubeque.model.config.config import Config
from kubeque.model.errors import ResourceError, UserError
from kubeque.model.rows.grid import sequence
from kubeque.model.sweep.sweep import Sweep

HERE = this_machine()
#: Script that writes its start and end, and its visible devices.
TASK = (
    "import json, os, time; began = time.time(); time.sleep(0.4); json.dump(dict("
    "began=began, ended=time.time(), devices=os.environ.get('CUDA_VISIBLE_DEVICES')"
    "), open(os.environ['KUBEQUE_OUT'], 'w'))"
)
Connect = Callable[..., Client]


@pytest.fixture
def connect(tmp_path: Path) -> Any:
    opened = []

    def connect(**values: str) -> Client:
        folder = tmp_path / "folder"
        folder.mkdir(exist_ok=True)
        environ = {"KUBEQUE_HOME": str(tmp_path / "home")}
        opened.append(Client(Config.from_values(values, where="test", folder=folder, environ=environ)))
        return opened[-1]

    yield connect
    for client in opened:
        client.stop()
        client.close()


def sweep(rows: int = 1, **options: Any) -> Sweep:
    return Sweep([sys.executable, "-c", TASK], sequence(rows), **options)


def ran(client: Client, *sweeps: Sweep) -> list[dict[str, Any]]:
    """Run the sweeps at the same time, and return the values of all tasks in the order of their start."""
    names = [client.submit(each).job.name for each in sweeps]
    for name in names:
        assert client.wait(name, timeout=60).counts.ok
    rows = [row for name in names for row in client.table(name)]
    return sorted(rows, key=lambda row: float(row["out.began"]))


def overlaps(rows: list[dict[str, Any]]) -> int:
    return sum(after["out.began"] < before["out.ended"] for before, after in pairwise(rows))


@pytest.mark.parametrize("options", [{"cpu": HERE.cores}, {"memory": HERE.memory * 2 // 3}], ids=["cpu", "memory"])
def test_tasks_that_do_not_fit_together_run_one_after_the_other(connect: Connect, options: dict[str, Any]) -> None:
    assert overlaps(ran(connect(), sweep(4, consumers=2, **options))) == 0


def test_the_limit_holds_across_jobs(connect: Connect) -> None:
    both = [sweep(2, consumers=2, cpu=HERE.cores, name=name) for name in ("one", "two")]
    assert overlaps(ran(connect(), *both)) == 0


def test_each_task_has_its_own_devices(connect: Connect) -> None:
    rows = ran(connect(gpus="4, 7"), sweep(4, consumers=2, pod={"gpu": 1}))
    assert {row["out.devices"] for row in rows} == {"4", "7"}
    assert all(
        a["out.devices"] != b["out.devices"] for a in rows for b in rows
        if a is not b and a["out.began"] < b["out.ended"] and b["out.began"] < a["out.ended"]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "typed", "words"),
    [
        ({"cpu": 4096}, "cpu", "cpu 4096 exceeds this machine, which has .* cores: give at most"),
        ({"memory": "900Gi"}, "memory", "memory 900Gi exceeds this machine, which has .*Gi: give at most"),
        ({"max_memory": "900Gi", "memory": "1Gi"}, "max_memory", "max_memory 900Gi exceeds this machine, which has"),
        (
            {"pod": {"gpu": 3}},
            "gpu",
            "gpu 3 exceeds this machine, which has no GPUs: list its devices as gpus in .kubeque",
        ),
        ({"pod": {"gpu": 1}}, "", "gpu 1 exceeds this machine, which has no GPUs"),
        ({"image": "python:3.12"}, "image", "--image has no effect on this machine: .*--cluster"),
        ({"pod": {"spot": True, "node_selector": {"a": "b"}}}, "spot", "--spot has no effect"),
    ],
)
def test_what_this_machine_cannot_do_is_refused(
    connect: Connect, options: dict[str, Any], typed: str, words: str
) -> None:
    client = connect()
    with pytest.raises(ResourceError, match=words):
        client.submit(sweep(**options), typed=[typed])
    assert client.jobs() == []


@pytest.mark.parametrize(
    ("options", "config", "words"),
    [
        ({"cpu": 4096}, {}, f"cpu 4096 is reduced to the {HERE.cores:g} cores of this machine"),
        ({"memory": "900Gi"}, {}, "memory 900Gi is reduced to the "),
        ({}, {"default_resource_memory": "900Gi"}, "memory 900Gi is reduced to the "),
        ({"pod": {"gpu": 3}}, {"gpus": "0,1"}, "gpu 3 is reduced to the 2 GPUs of this machine"),
        ({"image": "python:3.12"}, {}, "not used on this machine: image"),
        ({}, {"default_image": "python:3.12"}, "not used on this machine: image"),
        ({"pod": {"spot": True, "keeper": "yes"}}, {}, "not used on this machine: keeper, spot"),
    ],
)
def test_an_option_that_was_not_typed_is_named(
    connect: Connect, options: dict[str, Any], config: dict[str, str], words: str
) -> None:
    client = connect(**config)
    submitted = client.submit(sweep(**options))
    assert len(submitted.notes) == 1
    assert words in submitted.notes[0]
    assert client.wait(submitted.job.name, timeout=60).counts.ok


def test_defaults_of_pods_are_no_reason_for_a_note(connect: Connect) -> None:
    options = {"keeper": "auto", "spot": False, "gpu": 0, "volumes": None, "start_timeout": "10m"}
    assert connect().submit(sweep(pod=options)).notes == ()


def test_on_local_refuses_what_has_no_effect(connect: Connect) -> None:
    with pytest.raises(ResourceError, match="--image has no effect on this machine"):
        connect(on_local="refuse").submit(sweep(image="python:3.12"))


def test_the_report_repeats_what_has_no_effect(connect: Connect, tmp_path: Path) -> None:
    client = connect()
    name = client.submit(sweep(image="python:3.12")).job.name
    client.wait(name, timeout=60)
    client.report(name, tmp_path / "report.html")
    assert "Options not used on this machine: image." in (tmp_path / "report.html").read_text()


def test_sized_and_unsized_tasks_at_the_same_time_are_named(connect: Connect) -> None:
    client = connect()
    client.submit(Sweep(["sleep", "30"], name="plain"))
    assert client.submit(sweep(cpu=0.5)).notes == (
        "the tasks of plain have no cpu and no memory set: these tasks run beside other tasks, and their use is not"
        " counted",
    )

    # A job that starts no task now is not named
    client.pause("plain")
    assert client.submit(sweep(cpu=0.5)).notes == ()
    client.resume("plain")
    assert client.submit(sweep(cpu=0.5)).notes != ()
    client.kill("plain")


def test_a_held_job_runs_beside_no_other_job(connect: Connect) -> None:
    client = connect()
    client.submit(Sweep(["true"], sequence(3), name="held", canaries=1))
    assert client.wait("held", timeout=60).held
    assert client.submit(sweep(cpu=0.5)).notes == ()
    client.kill("held")


def test_a_limit_of_memory_below_the_memory_is_refused(connect: Connect) -> None:
    with pytest.raises(UserError, match="max_memory 1Gi is less than memory 2Gi: raise or remove max_memory"):
        connect().submit(sweep(memory="2Gi", max_memory="1Gi"))


def test_memory_grows_up_to_the_machine(connect: Connect) -> None:
    client = connect()
    job = client.submit(sweep(memory=HERE.memory // 3, max_memory=100 * HERE.memory)).job
    assert job.shapes[-1].memory == HERE.memory
