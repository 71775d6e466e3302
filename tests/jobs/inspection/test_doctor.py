"""The doctor examines jobs that really ran, unchanged and after damage."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kubeque.client import Client
from kubeque.model.rows.parameters import from_records
from kubeque.model.sweep.sweep import Sweep


@pytest.fixture
def job(client: Client) -> str:
    """A job that has ended: one task ok, one failed."""
    rows = from_records([{"code": 0}, {"code": 3}])
    client.submit(Sweep(["sh", "-c", "exit $1", "sh", "{code}"], rows=rows, name="sweep", consumers=1))
    client.wait("sweep", timeout=60)
    return "sweep"


def found(client: Client, job: str) -> list[tuple[str, str]]:
    return [(each.what, each.text) for each in client.doctor(job) if not each.ok]


def test_a_job_that_ran_is_well(client: Client, job: str) -> None:
    assert [each.what for each in client.doctor(job) if each.ok] == ["job", "store"]
    assert found(client, job) == []


@pytest.mark.parametrize(
    ("path", "where", "words"),
    [("pages/0.json", "pages", "the rows in this page"), ("spec-1.json", "store", "spec-1.json"),
     ("results-0.csv", "table", "though the job has ended")],
)  # fmt: skip
def test_a_stored_file_that_is_gone_is_named(client: Client, job: str, path: str, where: str, words: str) -> None:
    url = client.job(job).url
    Path(url.removeprefix("file://"), path).unlink()
    assert [at for at, what in found(client, job) if words in what] == [where]


def test_a_spec_that_is_another_jobs_is_found(client: Client, job: str) -> None:
    path = Path(client.job(job).url.removeprefix("file://"), "spec-1.json")
    spec = json.loads(path.read_text())
    spec["rows"]["n"] = 5
    path.write_text(json.dumps(spec))
    assert [at for at, what in found(client, job) if "spec-1.json: the SHA-256 is" in what] == ["store"]


def test_a_damaged_queue_is_found_and_left_as_it_is(client: Client, job: str) -> None:
    # Given a block whose counts somebody changed by hand
    path = client.config.queue_url.removeprefix("sqlite://").removeprefix("/").rstrip("/")
    with closing(sqlite3.connect("/" + path.lstrip("/"))) as queue, queue:
        queue.execute("UPDATE kubeque_block SET pending = pending + 1")
    # When the doctor looks
    before = found(client, job)
    # Then block and sum are named, also the next time
    assert {where.split()[0] for where, _ in before} == {"block", "class"}
    assert found(client, job) == before
