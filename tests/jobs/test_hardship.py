"""Real consumers and commands: the queue is unavailable, a consumer resumes after its reaping, and a job is killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeque.client import Client, Progress
from kubeque.clusters.slot import start_ticks
from kubeque.model.config.config import Config
from kubeque.model.sweep.sweep import Sweep
from tests.servers.here import running
from tests.servers.postgres import PostgresServer
from tests.slots import read_slot
from tests.waiting import until

pytestmark = pytest.mark.rotating


def watch(config: Config, name: str, looks: list[Progress]) -> None:
    """Record each progress report of a job until the job has ended."""
    with Client(config) as client:
        looks.extend(client.watch(name))


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with running(PostgresServer) as server:
        yield server


@pytest.fixture
def far_client(server: PostgresServer, tmp_path: Path) -> Iterator[Client]:
    """A client with a queue on the server."""
    (tmp_path / ".kubeque").write_text(f"[config]\nqueue_url = {server.create_database()}\n")
    config = Config.load(start=tmp_path, home=tmp_path, environ={"KUBEQUE_HOME": str(tmp_path / "home")})
    with Client(config) as client:
        yield client
        client.stop()


@pytest.mark.xdist_group("postgres")
@pytest.mark.server("postgres")
def test_a_queue_that_is_away_for_four_leases_kills_no_command(
    far_client: Client, server: PostgresServer, tmp_path: Path
) -> None:
    """As ten minutes are to the lease of three that a job has by default."""
    # Given a command that runs under a lease of five seconds
    story, go = tmp_path / "story", tmp_path / "go"
    script = f"echo begun >> {story}; while ! test -e {go}; do sleep 0.2; done; echo ended >> {story}"
    far_client.submit(Sweep(["sh", "-c", script], name="long", lease=5.0))
    until("the start of the task", story.exists)
    process = read_slot(far_client.config.home)["pid"]
    looks: list[Progress] = []
    watcher = threading.Thread(target=watch, args=(far_client.config, "long", looks), daemon=True)
    watcher.start()
    until("a first look", lambda: looks)
    # When the queue is away for four leases, and the command ends meanwhile
    server.stop()
    time.sleep(18)
    go.touch()
    time.sleep(2)
    server.start()
    # Then it ran once, in the same consumer, its outcome counts, and the watcher waited and received the reason
    watcher.join(90)
    *before, progress = looks
    assert any("does not answer" in text for look in before for text in look.obstacles)
    assert progress.counts.ok == 1
    assert progress.obstacles == ()
    assert story.read_text() == "begun\nended\n"
    (line,) = far_client.lines("long")
    assert line.facts()["attempts"] == 1
    assert f":{process}:" in line.view.record.history[0].owner


def test_the_files_of_a_consumer_that_comes_back_from_the_dead_never_count(client: Client, tmp_path: Path) -> None:
    # Given a task whose consumer is frozen while its command goes on to write its result
    go = tmp_path / "go"
    script = f"while ! test -e {go}; do sleep 0.1; done; echo $KUBEQUE_ATTEMPT | tee who"
    client.submit(Sweep(["sh", "-c", script], name="twice", lease=5.0, consumers=1))
    until("a running task", lambda: "command" in read_slot(client.config.home))
    first = read_slot(client.config.home)
    pid, command = int(str(first["pid"])), int(str(first["command"]))
    os.kill(pid, signal.SIGSTOP)
    go.touch()
    try:
        # When its lease is taken away and it goes on, with a result in its hands
        until("the end of its lease", lambda: client.status("twice").counts.pending == 1)
        os.kill(pid, signal.SIGCONT)
        progress = client.wait("twice", timeout=90)
    finally:
        os.kill(pid, signal.SIGCONT)
    # Then what counts is the second attempt, with its outcome and its files
    assert progress.counts.ok == 1
    client.fetch("twice", tmp_path / "results")
    (line,) = client.lines("twice")
    outcome = line.view.record.outcome
    assert outcome is not None
    assert outcome.attempt == 2
    assert (tmp_path / "results" / "0" / "who").read_text() == "2\n"
    assert (tmp_path / "results" / "0" / "stdout.txt").read_text() == "2\n"
    assert start_ticks(command) == ""


def test_a_kill_reaches_a_command_by_the_next_look_at_the_jobs(client: Client, tmp_path: Path) -> None:
    client.submit(Sweep(["sleep", "600"], name="long"))
    until("a running task", lambda: "command" in read_slot(client.config.home))
    seen = read_slot(client.config.home)
    command, start = int(str(seen["command"])), seen["command_start"]
    client.kill("long")
    began = time.monotonic()
    until("the end of the command", lambda: start_ticks(command) != start)
    # Five seconds between two looks; the rest is for a busy machine. A lease lasts for 180, a heartbeat for 60.
    assert time.monotonic() - began < 30
    assert client.wait("long", timeout=60).counts.killed == 1
