"""A queue is copied while a sweep runs and restored later: the sweep ends, and `doctor` finds nothing wrong."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from kubeque.client import Client
from kubeque.model.rows.grid import sequence
from kubeque.model.sweep.sweep import Sweep
from tests.jobs.test_outages import make_client
from tests.servers.here import running
from tests.servers.postgres import PostgresServer
from tests.waiting import until

ROWS = 12


def submit_rows(client: Client, story: Path | None = None) -> None:
    """Submit rows. `story`: file to which each row adds its number."""
    told = f"echo $KUBEQUE_TASK_INDEX >> {story};" if story else ""
    script = f"{told} sleep 0.3; echo $KUBEQUE_TASK_INDEX > out"
    client.submit(Sweep(["sh", "-c", script], name="rows", rows=sequence(ROWS), consumers=2, results=["out"]))


def assert_ends(client: Client) -> None:
    progress = client.wait("rows", timeout=100)
    assert (progress.counts.ok, progress.counts.total) == (ROWS, ROWS)
    assert [finding for finding in client.doctor("rows") if not finding.ok] == []


def wait_for_ok(client: Client, number: int) -> None:
    until(f"{number} rows", lambda: client.status("rows").counts.ok >= number)


def test_a_sweep_goes_on_in_a_restored_sqlite_file(tmp_path: Path) -> None:
    # Given a copy of the queue that was made while the sweep ran, and a queue that was lost later
    queue, copy = tmp_path / "queue.db", tmp_path / "copy.db"
    with make_client(tmp_path, queue_url=f"sqlite:///{queue}") as client:
        submit_rows(client)
        wait_for_ok(client, 2)
        with closing(sqlite3.connect(queue)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        wait_for_ok(client, 5)
        client.stop()
    for lost in tmp_path.glob("queue.db*"):
        lost.unlink()
    # When the copy takes its place, then the sweep ends
    shutil.move(copy, queue)
    with make_client(tmp_path, queue_url=f"sqlite:///{queue}") as client:
        assert_ends(client)
        client.stop()


def test_results_of_the_lost_time_are_adopted(tmp_path: Path) -> None:
    # Given a copy of the queue with two ended rows, and a store with at least six results, two consumers killed
    queue, copy, story = tmp_path / "queue.db", tmp_path / "copy.db", tmp_path / "story"
    with make_client(tmp_path, queue_url=f"sqlite:///{queue}") as client:
        submit_rows(client, story)
        wait_for_ok(client, 2)
        with closing(sqlite3.connect(queue)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        wait_for_ok(client, 6)
        client.stop()
        done = {line.view.index for line in client.lines("rows", state="ok")}
    for lost in tmp_path.glob("queue.db*"):
        lost.unlink()
    shutil.move(copy, queue)
    ran = story.read_text().split()
    with make_client(tmp_path, queue_url=f"sqlite:///{queue}") as client:
        # When doctor reads the restored queue, then it lists the rows that only the store has, and changes none
        queue_now = client._backends.queue
        until("the end of the consumers", lambda: client.status("rows") and not queue_now.is_leased(client.job("rows")))
        before = {line.view.index for line in client.lines("rows", state="ok")}
        stored = {int(path.parent.parent.name) for path in (tmp_path / "home").rglob("tasks/*/*/result.json")}
        assert stored >= done > before
        for _ in range(2):
            (listed,) = [finding for finding in client.doctor("rows") if finding.what == "adopt"]
            assert not listed.ok
            assert f"of {len(stored - before)} rows (" in listed.text
            assert "kubeque doctor rows --adopt" in listed.text
        # And when it adopts them, then they are ok, and doctor finds nothing wrong
        (taken,) = [finding for finding in client.doctor("rows", adopt=True) if finding.what == "adopt"]
        assert (taken.ok, taken.text) == (True, f"{len(stored - before)} results of the store adopted")
        assert {line.view.index for line in client.lines("rows", state="ok")} == stored
        assert {finding.what for finding in client.doctor("rows") if not finding.ok} == {"waits"}, "no consumer runs"
        # And the other rows run, but none of the adopted ones runs again
        assert_ends(client)
        again = story.read_text().split()[len(ran) :]
        assert not {int(index) for index in again} & stored
        destination = tmp_path / "back"
        client.fetch("rows", destination)
        assert {int(path.name) for path in destination.glob("[0-9]*")} == set(range(ROWS))
        client.stop()


@pytest.mark.soak
@pytest.mark.xdist_group("postgres")
@pytest.mark.server("postgres")
@pytest.mark.skipif(shutil.which("pg_dump") is None, reason="pg_dump is not installed")
def test_a_sweep_goes_on_in_a_restored_postgresql_database(tmp_path: Path) -> None:
    dump = tmp_path / "dump.sql"
    with running(PostgresServer) as server:
        lost, restored = server.create_database(), server.create_database()
        with make_client(tmp_path, queue_url=lost) as client:
            submit_rows(client)
            wait_for_ok(client, 2)
            subprocess.run(["pg_dump", "--no-owner", "-f", dump, lost], check=True)
            wait_for_ok(client, 5)
            client.stop()
        subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", dump, restored], check=True)
        with make_client(tmp_path, queue_url=restored) as client:
            assert_ends(client)
            client.stop()
