"""The queue or the store is unavailable while rows run. Every row runs once without a charge. Work resumes quickly."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kubeque.client import Client
from kubeque.model.config.config import Config
from kubeque.model.rows.grid import sequence
from kubeque.model.sweep.sweep import Sweep
from tests.servers.faults import TcpProxy
from tests.servers.here import running
from tests.servers.objects import BUCKET, GcsServer, S3Server
from tests.servers.postgres import PostgresServer
from tests.waiting import until

#: Seconds of one row, seconds from the first row to the outage, and seconds of the outage.
Times = tuple[float, float, float]
#: The quick one outlives `linger`, after which an idle consumer leaves; the slow one every pause between two tries.
QUICK, SLOW = (1.0, 0.5, 6.5), (40.0, 30.0, 45.0)
#: An outage of ten minutes.
LONG = pytest.param((30.0, 10.0, 600.0), marks=[pytest.mark.soak, pytest.mark.timeout(1200)], id="long")
#: Number of rows: two for each consumer.
ROWS = 4


def make_client(folder: Path, **config: str) -> Client:
    lines = "\n".join(f"{key} = {value}" for key, value in config.items())
    (folder / ".kubeque").write_text(f"[config]\n{lines}\n")
    return Client(Config.load(start=folder, home=folder, environ={"KUBEQUE_HOME": str(folder / "home")}))


def submit_rows(client: Client, folder: Path, seconds: float, rows: int) -> Path:
    """Submit rows that each write a line when they begin. Return the file with the lines."""
    story = folder / "story"
    script = f'echo "$KUBEQUE_TASK_INDEX $KUBEQUE_ATTEMPT" >> {story}; sleep {seconds}; echo done > out'
    client.submit(Sweep(["sh", "-c", script], name="rows", rows=sequence(rows), consumers=2, results=["out"]))
    until("the first row", story.exists)
    return story


def assert_each_ran_once(client: Client, story: Path, rows: int) -> None:
    progress = client.wait("rows", timeout=200)
    assert (progress.counts.ok, progress.counts.total) == (rows, rows)
    assert sorted(story.read_text().splitlines()) == [f"{index} 1" for index in range(rows)]
    for line in client.lines("rows"):
        assert line.view.record.charges == {}
        assert len(line.view.record.history) == 1


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with running(PostgresServer) as server:
        yield server


@pytest.mark.timeout(400)
@pytest.mark.xdist_group("postgres")
@pytest.mark.server("postgres")
@pytest.mark.parametrize("times", [QUICK, pytest.param(SLOW, marks=pytest.mark.soak), LONG])
def test_no_row_runs_twice_while_the_queue_is_away(server: PostgresServer, tmp_path: Path, times: Times) -> None:
    seconds, before, outage = times
    with ExitStack() as stack:
        client = stack.enter_context(make_client(tmp_path, queue_url=server.create_database()))
        stack.callback(client.stop)
        story = submit_rows(client, tmp_path, seconds, ROWS)
        time.sleep(before)
        server.stop()
        time.sleep(outage)
        server.start()
        back = time.monotonic()
        until("the next row", lambda: len(story.read_text().splitlines()) > 2)
        assert time.monotonic() - back < 10.0
        assert_each_ran_once(client, story, ROWS)


@pytest.fixture
def away(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, TcpProxy]]:
    """URL of a bucket in a store that keeps its objects, and the connection to the store."""
    kind = {"gs": GcsServer, "s3": S3Server}[request.param]
    with running(kind) as server, TcpProxy(server.port) as line:
        there = f"http://127.0.0.1:{line.port}"
        login = {"AWS_ACCESS_KEY_ID": "user", "AWS_SECRET_ACCESS_KEY": "word", "AWS_DEFAULT_REGION": "us-east-1"}
        for name, value in {"STORAGE_EMULATOR_HOST": there, "AWS_ENDPOINT_URL": there, **login}.items():
            monkeypatch.setenv(name, value)
        yield f"{request.param}://{BUCKET}", line


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("away", "times"),
    [
        pytest.param("s3", QUICK, marks=[pytest.mark.xdist_group("s3"), pytest.mark.server("s3")]),
        pytest.param("s3", SLOW, marks=[pytest.mark.soak, pytest.mark.server("s3")]),
        pytest.param("gs", SLOW, marks=[pytest.mark.soak, pytest.mark.server("gs")]),
        pytest.param("s3", LONG.values[0], marks=[*LONG.marks, pytest.mark.server("s3")]),
    ],
    indirect=["away"],
)
def test_no_row_is_charged_while_the_store_is_away(away: tuple[str, TcpProxy], tmp_path: Path, times: Times) -> None:
    (seconds, before, outage), (bucket, line) = times, away
    urls = {"default_url_prefix": f"{bucket}/results", "cas_url_prefix": f"{bucket}/cas"}
    with ExitStack() as stack:
        client = stack.enter_context(make_client(tmp_path, **urls))
        stack.callback(client.stop)
        story = submit_rows(client, tmp_path, seconds, ROWS)
        time.sleep(before)
        line.closed = True
        line.cut()
        time.sleep(outage)
        line.closed = False
        assert_each_ran_once(client, story, ROWS)


@pytest.mark.rotating
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("s3")
@pytest.mark.server("s3")
@pytest.mark.parametrize("away", ["s3"], indirect=True)
def test_watching_and_status_go_on_and_name_a_store_that_does_not_answer(
    away: tuple[str, TcpProxy], tmp_path: Path
) -> None:
    bucket, line = away
    urls = {"default_url_prefix": f"{bucket}/results", "cas_url_prefix": f"{bucket}/cas"}
    with ExitStack() as stack:
        client = stack.enter_context(make_client(tmp_path, **urls))
        stack.callback(client.stop)
        submit_rows(client, tmp_path, 1.0, ROWS)
        watched = client.watch("rows", seconds=0.1)
        assert next(watched).obstacles == ()
        line.silent = True
        silent = next(found for found in watched if found.obstacles)
        text = f"the store {bucket}/results has not answered since "
        assert silent.obstacles[0].startswith(text)
        assert silent.counts.total == ROWS

        # A program that starts now gives the same answer, and waits only a few seconds for it.
        with make_client(tmp_path, **urls) as other:
            began = time.monotonic()
            found = other.status("rows")
            assert time.monotonic() - began < 15
            assert found.obstacles[0].startswith(text)
            assert found.counts.total == ROWS

        line.silent = False
        line.cut()
        *_, last = watched
        assert (last.counts.ok, last.obstacles) == (ROWS, ())
