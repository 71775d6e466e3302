"""Peek from the machine of a task, from a different machine, and after the task or its consumer is gone."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeque.client import Client
from kubeque.jobs.backends import Backends
from kubeque.jobs.inspection.peek import peek_many
from kubeque.model.config.config import Config
from kubeque.model.errors import UserError
from kubeque.model.job.job import Job
from kubeque.model.job.shapes import Shape
from kubeque.model.sweep.sweep import Sweep
from kubeque.queues.block import make_blocks
from kubeque.queues.claim import claim
from tests.jobs.sweeps import GI, NOON
from tests.waiting import until

TALKS = "i=0; while [ ! -e {stop} ]; do echo line $i; echo warn $i >&2; i=$((i+1)); sleep 0.2; done; echo done"


@pytest.fixture
def elsewhere(client: Client, tmp_path: Path) -> Iterator[Client]:
    """Yield a client with the same queue and store that cannot read the folders of the consumers."""
    config = client.config
    values = {
        "queue_url": config.queue_url,
        "default_url_prefix": config.default_url_prefix,
        "cas_url_prefix": config.cas_url_prefix,
    }
    far = Config.from_values(values, where="a test", folder=tmp_path, environ={"KUBEQUE_HOME": str(tmp_path / "far")})
    with Client(far) as other:
        yield other
        other.stop()


def talking(client: Client, stop: Path, **more: object) -> None:
    client.submit(Sweep(["sh", "-c", TALKS.format(stop=stop)], name="talk", **more))  # type: ignore[arg-type]
    until("its second line", lambda: b"line 2" in client.peek("talk", 0).tail.data)


def test_a_running_task_is_seen_from_here_and_from_elsewhere(client: Client, elsewhere: Client, tmp_path: Path) -> None:
    talking(client, tmp_path / "stop")

    near, far = client.peek("talk", 0, "stderr"), elsewhere.peek("talk", 0)
    assert (near.view.state, near.attempt, near.final) == ("running", 1, False)
    assert near.tail.text.startswith("warn 0\nwarn 1\n")
    assert far.tail.text.startswith("line 0\nline 1\nline 2\n"), far
    assert far.attempt == 1
    until("more lines", lambda: elsewhere.peek("talk", 0, wait=False).tail.end > far.tail.end)
    more = elsewhere.peek("talk", 0, wait=False)
    assert more.tail.data.startswith(far.tail.data), "it grows while somebody looks"

    (tmp_path / "stop").touch()
    client.wait("talk", timeout=60)
    ended = elsewhere.peek("talk", 0)
    assert (ended.final, ended.age, ended.tail.text.endswith("done\n")) == (True, None, True)


def test_what_a_task_said_survives_its_consumer(client: Client, elsewhere: Client, tmp_path: Path) -> None:
    talking(client, tmp_path / "stop", retry_causes={"lost": 0})
    assert "line 1" in elsewhere.peek("talk", 0).tail.text
    slot = json.loads((client.config.home / "fleet" / "0.slot").read_text())
    os.kill(slot["pid"], signal.SIGKILL)
    client.wait("talk", timeout=60)

    for side in (client, elsewhere):
        lost = side.peek("talk", 0)
        assert (lost.view.state, lost.attempt) == ("failed", 1)
        assert "line 1" in lost.tail.text
    (tmp_path / "stop").touch()


def test_what_a_killed_task_said_is_kept(client: Client, elsewhere: Client, tmp_path: Path) -> None:
    talking(client, tmp_path / "stop")
    client.kill("talk")
    until("its final log", lambda: elsewhere.peek("talk", 0).final)
    seen = elsewhere.peek("talk", 0)
    assert "line 2" in seen.tail.text


def test_the_end_of_a_long_stream_is_read_and_not_the_rest(client: Client) -> None:
    client.submit(Sweep(["sh", "-c", "seq 1 40000"], name="long"))
    client.wait("long", timeout=60)

    seen = client.peek("long", 0)
    assert (len(seen.tail.data), seen.tail.end) == (64 << 10, 228_894)
    assert seen.tail.text.endswith("\n39999\n40000\n")
    assert client.peek("long", 0, "stderr").tail.data == b""


def test_a_program_that_replaces_its_streams_hinders_nobody(client: Client, tmp_path: Path) -> None:
    script = f"rm ../stdout ../stderr; mkfifo ../stdout; ln -s /etc/passwd ../stderr; touch {tmp_path}/ready; sleep 3"
    client.submit(Sweep(["sh", "-c", script], name="rogue"))
    until("the start of the task", (tmp_path / "ready").exists)
    assert client.peek("rogue", 0).tail.data == b""
    assert client.peek("rogue", 0, "stderr").tail.data == b""
    client.kill("rogue")


def test_only_tasks_of_other_machines_use_up_the_requests(backends: Backends) -> None:
    # Given 40 running tasks, of which the last five run on another machine
    job = Job("many", "uid", 40, str(backends.config.home / "results" / "many"), created=NOON, shapes=(Shape(GI),))
    backends.queue.create(job, make_blocks(job.uid, job.n, 64))
    lease = claim(backends.queue, job, "pod:kq-many-0", reserve=40)
    assert lease is not None
    for index in range(35):
        folder = backends.config.home / "work" / "0" / f"uid-{index}-1-abc"
        folder.mkdir(parents=True)
        (folder / "stdout").write_text(f"line of {index}")

    seen = list(peek_many(backends, job))

    assert [each.tail.text for each in seen] == [f"line of {index}" for index in range(35)] + [""] * 5
    assert {index for index, _ in backends.queue.job("many").peeks} == set(range(35, 40))


def test_a_task_that_there_is_not_is_named(client: Client) -> None:
    client.submit(Sweep(["true"], name="one"))
    with pytest.raises(UserError, match="one has no task 7: its tasks are 0 to 0"):
        client.peek("one", 7)
