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


def submit_rows(client: Client) -> None:
    script = "sleep 0.3; echo $KUBEQUE_TASK_INDEX > out"
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
