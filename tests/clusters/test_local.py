"""Consumers as processes of this machine: their slots, and the detection of dead ones."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from kubeque.clusters.local import LocalCluster, Slot, fleet_name, machine, owner_name, start_ticks
from kubeque.model.job.task import Cause


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
    assert cluster.find_death("local:elsewhere:1:1") is None
    death = cluster.find_death(dead)
    assert death is not None
    assert (death.cause, death.running) == (Cause.LOST, None)

    (cluster.folder / "3.slot").write_text(f'{{"owner": "{dead}", "pid": 4194303, "start": "12345", "index": 17}}')
    death = cluster.find_death(dead)
    assert death is not None
    assert death.running == 17


@pytest.fixture
def left_behind() -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs with a child, in a group of its own, as a dead consumer leaves it."""
    process = subprocess.Popen(["sh", "-c", "sleep 60 & wait"], start_new_session=True)
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def group(pid: int) -> list[str]:
    """The members of a process group that live."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat=,pid="], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines()]
    return [row[2] for row in rows if row[0] == str(pid) and row[1][0] != "Z"]


def wrote(folder: Path, pid: int, start: str, *, machine_name: str = machine()) -> str:
    """A slot as a consumer left it that was killed while it ran this process; the consumer's name."""
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
