"""The ledger of one machine: tasks run at the same time only if they fit, in the order in which they waited."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from kubeque.clusters.machine import Machine
from kubeque.consumer.attempt.end_cause import explain_oom_here
from kubeque.consumer.hosts.ledger import Entry, Ledger, Need, admit
from tests.waiting import until

MACHINE = Machine(cores=4.0, memory=1000, gpus=("0", "1"))


def entry(need: Need, since: float = 0.0, devices: tuple[str, ...] | None = None) -> Entry:
    return Entry(1, "1", need, since, devices)


@pytest.mark.parametrize(
    ("others", "need", "devices"),
    [
        ([], Need(4.0, 1000, 2), ("0", "1")),
        ([entry(Need(3.0), devices=())], Need(1.0), ()),
        ([entry(Need(0.1), devices=())] * 3, Need(3.7), ()),
        ([entry(Need(3.0), devices=())], Need(1.5), None),
        ([entry(Need(memory=600), devices=())], Need(memory=401), None),
        ([entry(Need(memory=600), devices=())], Need(cores=4.0), ()),
        ([entry(Need(gpus=1), devices=("0",))], Need(gpus=1), ("1",)),
        ([entry(Need(gpus=1), devices=("7",))], Need(gpus=1), ("0",)),
        ([entry(Need(gpus=2), devices=("0", "1"))], Need(gpus=1), None),
        ([entry(Need(gpus=2), devices=("0", "1"))], Need(cores=4.0), ()),
    ],
)
def test_what_fits_beside_the_running_tasks(others: Sequence[Entry], need: Need, devices: tuple[str, ...]) -> None:
    assert admit(others, entry(need, since=9.0), MACHINE) == devices


def test_a_task_that_has_waited_longer_comes_first() -> None:
    runs, waits = entry(Need(3.0), devices=()), entry(Need(4.0), since=5.0)
    assert admit([runs, waits], entry(Need(1.0), since=6.0), MACHINE) is None
    assert admit([runs, waits], entry(Need(1.0), since=4.0), MACHINE) == ()
    assert admit([runs, waits], entry(Need(memory=10), since=6.0), MACHINE) == ()


def test_a_need_beyond_the_machine_is_reduced() -> None:
    assert Need(9.0, 5000, 3).within(MACHINE) == Need(4.0, 1000, 2)


def _never() -> bool:
    return False


HOLD = """
import sys, time
from pathlib import Path
from kubeque.clusters.machine import Machine
from kubeque.consumer.attempt.end_cause import explain_oom_here
from kubeque.consumer.hosts.ledger import Ledger, Need
with Ledger(Path(sys.argv[1]), Machine(4.0, 1000, ("0", "1"))).hold(Need(3.0, 0, 1), lambda: False) as devices:
    print(*devices, flush=True)
    time.sleep(60)
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)


def test_a_killed_consumer_frees_its_part(tmp_path: Path) -> None:
    other = holder(tmp_path)
    assert other.stdout is not None
    assert other.stdout.readline() == "0\n"
    got: list[Sequence[str]] = []

    def wait() -> None:
        with Ledger(tmp_path, MACHINE).hold(Need(2.0, 0, 1), _never) as devices:
            got.append(devices)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.3)
    assert got == []
    other.send_signal(signal.SIGKILL)
    other.wait()
    until("the task runs", lambda: bool(got))
    waiting.join()
    assert got == [("0",)]


def test_a_wait_ends_when_it_is_stopped_and_leaves_no_entry(tmp_path: Path) -> None:
    other = holder(tmp_path)
    assert other.stdout is not None
    other.stdout.readline()
    with Ledger(tmp_path, MACHINE).hold(Need(4.0), lambda: True) as devices:
        assert devices == ()
    assert f'"pid": {os.getpid()}' not in (tmp_path / "ledger.json").read_text()
    other.kill()
    other.wait()


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b'[{"pid": "x"}]', b"\xff", b"[]\nrest"])
def test_a_damaged_ledger_stops_nothing(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "ledger.json").write_bytes(damage)
    with Ledger(tmp_path, MACHINE).hold(Need(4.0), _never) as devices:
        assert devices == ()


def test_a_task_without_a_need_writes_nothing(tmp_path: Path) -> None:
    with Ledger(tmp_path, MACHINE).hold(Need(), _never):
        assert not (tmp_path / "ledger.json").exists()


@pytest.mark.parametrize(
    ("given", "machine", "words"),
    [
        (24 << 30, 24 << 30, "needs more than the 24GiB of this machine"),
        (12 << 30, 24 << 30, ""),
        (None, 24 << 30, ""),
        (24 << 30, None, ""),
    ],
)
def test_a_lack_of_memory_on_the_whole_machine_is_named(given: int | None, machine: int | None, words: str) -> None:
    assert explain_oom_here(given, machine) == words
