"""Consumers as processes of this machine: their slots, and the detection of dead consumers."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from kubeque.clusters.local import LocalCluster, fleet_name, slot_folder
from kubeque.clusters.slot import Slot, is_owner_here, machine, owner_name, start_ticks
from kubeque.model.job.causes import Cause
from kubeque.model.job.counts import Tally
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.rows.grid import sequence


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


@pytest.mark.parametrize(
    "name", ["x" * 14 + "ü.sh", "v2训练模型评估.sh", "\udcff) Z 1 (x\n"], ids=["cut", "wide", "odd"]
)
def test_the_name_of_a_program_is_bytes(tmp_path: Path, name: str) -> None:
    program = tmp_path / name
    program.symlink_to("/bin/sleep")
    child = subprocess.Popen([program, "60"])
    try:
        assert start_ticks(child.pid).isdigit()
    finally:
        child.kill()
        child.wait()


def test_the_names_of_machine_and_home_are_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    known = fleet_name(Path("/h")), machine()
    name = socket.gethostname()
    monkeypatch.setattr(socket, "gethostname", lambda: "\udcff")

    assert fleet_name(Path("/\udcff")) != known[0]
    assert machine() != known[1]
    assert known[0] == "local-" + hashlib.sha256(f"{name} /h".encode()).hexdigest()[:10]


def test_the_coroner_knows_the_dead_of_this_machine_and_what_they_ran(tmp_path: Path) -> None:
    cluster = LocalCluster(tmp_path, "memory:")
    cluster.folder.mkdir(parents=True)
    dead = f"local:{machine()}:{2**22 - 1}:12345"
    assert cluster.find_death(owner_name()) is None
    assert cluster.find_death(owner_name(slot=3)) is None
    assert cluster.find_death("local:elsewhere:1:1") is None
    death = cluster.find_death(dead)
    assert death is not None
    assert (death.cause, death.running) == (Cause.LOST, None)

    (cluster.folder / "3.slot").write_text(f'{{"owner": "{dead}", "pid": 4194303, "start": "12345", "index": 17}}')
    death = cluster.find_death(dead)
    assert death is not None
    assert death.running == 17
    assert cluster.find_death(f"local:{machine()}.3.host:{2**22 - 1}:12345") is not None
    assert cluster.find_death(f"local:{machine()[:-1]}.3.host:{2**22 - 1}:12345") is None


@pytest.mark.parametrize(
    ("name", "shown"), [("node-7.lan", "node-7"), ("a:b c", "a-b-c"), ("\udcff", "-"), ("", "-"), ("x" * 64, "x" * 20)]
)
def test_an_owner_names_slot_and_host(monkeypatch: pytest.MonkeyPatch, name: str, shown: str) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    kind, place, pid, start = owner_name(slot=12).split(":")
    assert (kind, place, int(pid)) == ("local", f"{machine()}.12.{shown}", os.getpid())
    assert start == start_ticks(os.getpid())
    assert is_owner_here(owner_name(slot=12))
    assert not is_owner_here("local:elsewhere.12.x:1:1")


@pytest.fixture
def left_behind() -> Iterator[subprocess.Popen[bytes]]:
    """Start a command with a child in its own process group, as a dead consumer leaves it behind."""
    process = subprocess.Popen(["sh", "-c", "sleep 60 & wait"], start_new_session=True)
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def group(pid: int) -> list[str]:
    """Return the living members of a process group."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat=,pid="], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines()]
    return [row[2] for row in rows if row[0] == str(pid) and row[1][0] != "Z"]


def wrote(folder: Path, pid: int, start: str, *, machine_name: str = machine()) -> str:
    """Write the slot file of a consumer that was killed while it ran this process. Return the consumer's name."""
    owner = f"local:{machine_name}:{2**22 - 1}:12345"
    folder.mkdir(parents=True, exist_ok=True)
    content = {"owner": owner, "pid": 2**22 - 1, "start": "12345", "index": 7, "command": pid, "command_start": start}
    (folder / "0.slot").write_text(json.dumps(content))
    return owner


def test_what_a_dead_consumer_left_running_is_ended_by_whoever_finds_it_dead(
    tmp_path: Path, left_behind: subprocess.Popen[bytes]
) -> None:
    cluster = LocalCluster(tmp_path, "memory:")
    owner = wrote(cluster.folder, left_behind.pid, start_ticks(left_behind.pid))
    assert cluster.find_death(owner) is not None
    assert group(left_behind.pid) == []


@pytest.mark.parametrize("how", ["take", "start"])
def test_what_a_dead_consumer_left_running_is_ended_before_its_place_is_taken(
    tmp_path: Path, left_behind: subprocess.Popen[bytes], how: str
) -> None:
    wrote(tmp_path, left_behind.pid, start_ticks(left_behind.pid))
    slot = Slot(tmp_path, 0)
    assert slot.take() if how == "take" else slot.start(os.getpid)
    assert group(left_behind.pid) == []


@pytest.mark.parametrize(("start", "where"), [("1", machine()), (None, "another-boot")])
def test_another_process_of_the_same_number_is_left_alone(
    tmp_path: Path, left_behind: subprocess.Popen[bytes], start: str | None, where: str
) -> None:
    wrote(tmp_path, left_behind.pid, start or start_ticks(left_behind.pid), machine_name=where)
    assert Slot(tmp_path, 0).take()
    assert left_behind.poll() is None
    assert group(left_behind.pid)


def test_a_slot_names_the_process_of_the_command_that_runs_and_no_other(
    tmp_path: Path, left_behind: subprocess.Popen[bytes]
) -> None:
    slot = Slot(tmp_path, 0)
    assert slot.take()
    slot.journal({"index": 3})
    slot.runs(left_behind.pid)
    content = slot.read()
    assert (content["index"], content["command"]) == (3, left_behind.pid)
    assert content["command_start"] == start_ticks(left_behind.pid)
    slot.journal({"index": 4})
    assert "command" not in slot.read()


JOB = Job("sweep", "abcdefghijkm", 1, "/results/sweep/abcdefghijkm")
SPEC = JobSpec(("true",), sequence(1).to_spec())


def test_consumers_that_die_at_their_start_are_started_with_pauses_and_the_reason_is_known(tmp_path: Path) -> None:
    queue = f"sqlite:///{tmp_path}/none.db"
    cluster, slow = (LocalCluster(tmp_path, queue, pause_seconds=seconds) for seconds in (0.01, 60.0))
    job = replace(JOB, fleet=cluster.fleet("sweep"))
    slot, waiting, started = Slot(slot_folder(tmp_path, job.fleet), 0), {0: Tally(pending=1)}, 0
    while slot.alive() or slot.deaths() < 2:
        started += cluster.ensure(job, SPEC, waiting)
        time.sleep(0.005)
    assert started == 2
    assert slow.ensure(job, SPEC, waiting) == 0
    assert cluster.standstill(job).messages == ()

    slot.path.write_text(json.dumps({**slot.read(), "deaths": 4}))  # three more would take seconds
    (message,) = cluster.standstill(job).messages
    assert message.startswith("the last 5 consumers died before their first task; ")
    assert "none.db" in message
    assert cluster.standstill(replace(job, fleet="local-of-another-machine")).messages == ()


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"old\n", "0.log has no line from them"),
        (b"old\nlast\n\n", "0.log ends with: last"),
        (b"old\n\x1b[31mno postgresql://me:secret@host/db\xff\r\x07\n", "0.log ends with: no postgresql://me:***@host/db\ufffd"),
        (b"old\n" + b"x" * 20_000, "xxx…"),
    ],
    ids=["none", "blank", "hostile", "long"],
)  # fmt: skip
def test_the_last_line_of_dead_consumers_is_safe_and_short(tmp_path: Path, written: bytes, shown: str) -> None:
    cluster, slot = LocalCluster(tmp_path, "memory:"), Slot(tmp_path / "fleet", 0)
    cluster.folder.mkdir()
    job = replace(JOB, fleet=fleet_name(tmp_path))
    slot.path.write_text('{"pid": 4194303, "start": "1", "started": 1.0, "deaths": 6, "log": 4}')
    slot.log.write_bytes(written)

    (message,) = cluster.standstill(job).messages
    assert message.startswith("the last 7 consumers died")
    assert message.endswith(shown)
    assert len(message) < 500


def test_a_consumer_that_has_a_task_or_leaves_well_is_no_death_at_the_start(tmp_path: Path) -> None:
    slot = Slot(tmp_path, 0)
    history = {"started": time.time(), "deaths": 7, "log": 3}
    slot.path.write_text(json.dumps({"pid": 4194303, "start": "1", **history}))
    assert slot.deaths() == 8
    assert not slot.start(os.getpid)
    assert slot.take()
    assert slot.deaths() == 7
    slot.journal({"index": 1})
    assert slot.deaths() == 0

    slot.leave()
    slot.announce()
    assert slot.deaths() == 0
