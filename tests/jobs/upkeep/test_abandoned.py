"""Working directories of dead consumers: the commands that delete them, and the folders that stay."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeque.client import Client
from kubeque.clusters.slot import FLEET, Slot
from kubeque.consumer.hosts.local import remove_left_work
from kubeque.model.sweep.sweep import Sweep
from tests.mounting import mount, private_mounts

DEAD = '{"owner": "local:here:1:1", "pid": 1, "start": "1"}'


class Home:
    """A home folder with slots and folders of attempts."""

    def __init__(self, client: Client, tmp_path: Path) -> None:
        self.client = client
        self.path = client.config.home
        self.precious = tmp_path / "precious"
        self.precious.mkdir()
        (self.precious / "data").write_text("data")

    def attempt(self, number: int, uid: str = "u1") -> Path:
        """A slot of a dead consumer, with the folder of an attempt and a link in it."""
        slot = self.path / FLEET / f"{number}.slot"
        slot.parent.mkdir(parents=True, exist_ok=True)
        slot.write_text(DEAD)
        folder = self.path / "work" / str(number) / f"{uid}-0-1-nonce{number}"
        (folder / "work").mkdir(parents=True)
        (folder / "work" / "big").write_bytes(b"0" * 5000)
        (folder / "work" / "link").symlink_to(self.precious)
        (self.path / "work" / str(number) / "cache").mkdir()
        return folder

    def left(self) -> list[str]:
        return sorted(path.parent.name for path in (self.path / "work").glob("*/*-*-*"))


@pytest.fixture
def home(client: Client, tmp_path: Path) -> Home:
    return Home(client, tmp_path)


@pytest.fixture
def user(home: Home) -> Iterator[None]:
    """A program that a dead consumer left running in a folder."""
    with subprocess.Popen(["sleep", "60"], cwd=home.attempt(2) / "work") as program:
        yield
        program.kill()


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("way", ["gc", "stop"])
def test_abandoned_folders_are_deleted_unless_they_are_used(home: Home, way: str) -> None:
    home.attempt(0)
    used = Slot(home.attempt(1).parents[2] / FLEET, 1)
    assert used.take()
    used.path.write_text(DEAD)  # the lock alone protects the folder, because `stop` would end this process
    if way == "gc":
        (piece,) = home.client.gc(really=False).pieces
        assert (piece.kind, piece.files, piece.bytes >= 5000) == ("working directory", 1, True)
        assert home.left() == ["0", "1", "2"]
        home.client.gc(really=True)
    else:
        home.client.stop()
    assert home.left() == ["1", "2"]
    assert (home.path / "work" / "0" / "cache").is_dir()
    assert (home.precious / "data").read_text() == "data"


def test_remove_deletes_the_folders_of_its_job(home: Home) -> None:
    job = home.client.submit(Sweep(["true"], name="leak")).job
    home.client.wait("leak", timeout=60)
    home.client.stop()
    home.attempt(5, job.uid)
    home.attempt(6)
    home.client.remove("leak")
    assert home.left() == ["6"]


def test_a_consumer_deletes_what_is_left_in_its_slot_but_no_mount(home: Home) -> None:
    with private_mounts():
        folder = home.attempt(0)
        home.attempt(1)
        (folder / "work" / "mounted").mkdir()
        mount("--bind", home.precious, folder / "work" / "mounted")
        slot = Slot(home.path / FLEET, 0)
        assert slot.take()
        slot.path.write_text(DEAD)  # the stop at the end of the test would end this process
        remove_left_work(home.path, slot)
        assert home.left() == ["1"]
        assert (home.precious / "data").read_text() == "data"
