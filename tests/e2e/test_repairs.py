"""Single faults during a sweep. The sweep still completes, and each row is accepted once."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from kubeque.clusters.kubernetes.api import KubernetesApi, path
from tests.e2e.conftest import NAMESPACE, NEEDS_NODE, Desk, node, set_up
from tests.servers.objects import GcsServer
from tests.servers.postgres import PostgresServer

ROWS = 6
#: A process of this machine, if the API server is one.
API_PID = os.environ.get("KUBEQUE_E2E_API_PID")


def start(desk: Desk, job: str, seconds: int) -> None:
    """Submit a sweep with tasks of `seconds` each. Wait until two tasks run."""
    submit(desk, job, seconds)
    begun(desk, job)


def submit(desk: Desk, job: str, seconds: int) -> None:
    (desk.folder / "rows.csv").write_text("".join(f"{line}\n" for line in ["n", *range(ROWS)]))
    done = desk.sub("-n", job, "--no-wait", "--consumers", "2", "--memory", "64Mi", "-p", "rows.csv",
                    "/bin/sh", "-c", f"sleep {seconds}; echo {{n}}")  # fmt: skip
    assert done.returncode == 0, done.stderr


def begun(desk: Desk, job: str) -> None:
    desk.until(f"two running tasks of {job}", lambda: desk.status(job)["counts"]["running"] >= 2)


def watching(desk: Desk, job: str) -> subprocess.Popen[str]:
    """Start a watcher and wait for its first output."""
    watcher = desk.watch(job)
    assert watcher.stdout is not None
    assert job in watcher.stdout.readline()
    return watcher


def complete(desk: Desk, job: str) -> None:
    """Check that the table has each row once, with the row's own result."""
    tasks = desk.tasks(job)
    assert [(task["index"], task["state"]) for task in tasks] == [(index, "ok") for index in range(ROWS)]
    books = desk.run("doctor", job)
    assert books.returncode == 0, books.stdout  # nothing was accepted twice, and what was accepted is there
    assert desk.run("fetch", job, job).returncode == 0
    assert [(desk.folder / job / f"{n}" / "stdout.txt").read_text() for n in range(ROWS)] == [
        f"{n}\n" for n in range(ROWS)
    ]
    desk.leaves_nothing(job)


def kill_consumer(desk: Desk, job: str) -> None:
    """Kill one process of a consumer with `kill -9`, from outside of its container."""
    fleet = desk.objects("jobs", job)[0]["metadata"]["labels"]["kubeque/fleet"]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"kubeque.consumer" in words and fleet.encode() in words:
            os.kill(int(process.name), signal.SIGKILL)
            return
    raise AssertionError(f"no consumer of {job} runs here")


def delete_pod(desk: Desk, job: str) -> None:
    pod = desk.objects("pods", job)[0]["metadata"]["name"]
    desk.api.delete(path("pods", NAMESPACE, pod))


def delete_kubernetes_job(desk: Desk, job: str) -> None:
    for found in desk.objects("jobs", job):
        desk.api.delete(path("jobs", NAMESPACE, found["metadata"]["name"]))


def pause_is_explained(desk: Desk, job: str) -> None:
    """Check that a sweep pauses after the deletion of its Kubernetes Job, says why, and goes on after `resume`.

    The deletion means that the pods must stop. So kubeque does not start them again by itself.
    """
    shown = desk.status(job)
    assert shown["state"] == "paused", shown
    assert "was deleted (seen 20" in " ".join(shown["obstacles"]), shown
    assert not desk.objects("jobs", job), "the deleted Kubernetes Job was made again"
    assert desk.run("resume", job).returncode == 0


BLOWS = {"kubernetes-job": delete_kubernetes_job, "pod": delete_pod}
if os.environ.get("KUBEQUE_E2E_NODE"):  # the nodes are this machine, and their processes can be seen
    BLOWS["consumer"] = kill_consumer


def test_a_consumer_a_pod_and_a_kubernetes_job_are_made_up_for(desk: Desk) -> None:
    for job in BLOWS:
        submit(desk, job, 12)
    for job, strike in BLOWS.items():
        begun(desk, job)
        strike(desk, job)
    pause_is_explained(desk, "kubernetes-job")
    watchers = {job: desk.watch(job) for job in BLOWS}  # only now: nobody looked when it happened
    for job, watcher in watchers.items():
        said, _ = watcher.communicate(timeout=300)
        assert watcher.returncode == 0, f"{job}: {said}"
        complete(desk, job)
    if "consumer" in BLOWS:  # other consumers get a request to leave, and may finish their task first
        assert any(task["attempts"] > 1 for task in desk.tasks("consumer"))


@dataclass(frozen=True)
class Place:
    """A desk with its own servers. The servers keep their data."""

    desk: Desk
    queue: PostgresServer
    store: GcsServer


@pytest.fixture
def make_place(tmp_path: Path, api: KubernetesApi) -> Iterator[Callable[[str], Place]]:
    with ExitStack() as stack:

        def make(name: str) -> Place:
            postgres, store = PostgresServer(), GcsServer(on_disk=True)
            for server in (postgres, store):
                server.start()
                stack.callback(server.stop)
            (tmp_path / name).mkdir()
            desk = set_up(tmp_path / name, postgres.create_database(), store, api)
            stack.callback(desk.run, "stop")
            return Place(desk, postgres, store)

        yield make


def test_a_queue_or_a_store_that_is_restarted_is_waited_for(make_place: Callable[[str], Place]) -> None:
    places = {which: make_place(which) for which in ("queue", "store")}
    for which, place in places.items():
        submit(place.desk, which, 12)
    watchers = {}
    for which, place in places.items():
        begun(place.desk, which)
        watchers[which] = watching(place.desk, which)
    places["queue"].queue.stop()
    places["store"].store.stop()
    time.sleep(10)
    places["queue"].queue.start()
    places["store"].store.start()
    for which, place in places.items():
        said, _ = watchers[which].communicate(timeout=300)
        assert watchers[which].returncode == 0, f"{which}: {said}"
        complete(place.desk, which)


@pytest.mark.smoke
@NEEDS_NODE
@pytest.mark.usefixtures("keepers")
def test_the_tasks_of_a_lost_node_run_elsewhere(desk: Desk) -> None:
    start(desk, "lost", 12)
    lost = desk.until("a consumer that runs", lambda: nodes_of_consumers(desk, "lost"))[0]
    node("lose", lost)
    try:
        desk.until("pods of the lost node to be given up", lambda: any(
            pod["metadata"].get("deletionTimestamp") for pod in desk.objects("pods", "lost")
        ))  # fmt: skip
    finally:
        node("delete", lost)
        node("revive", lost)
    desk.leaves_nothing("lost")  # nobody watches: the keeper ends it
    assert max(task["attempts"] for task in desk.tasks("lost")) > 1
    complete(desk, "lost")


def nodes_of_consumers(desk: Desk, job: str) -> list[str]:
    """Return the nodes on which consumers run."""
    return [
        pod["spec"]["nodeName"]
        for pod in desk.objects("pods", job)
        if pod["status"].get("phase") == "Running" and pod["metadata"]["labels"]["kubeque/class"] != "keeper"
    ]


@pytest.mark.skipif(API_PID is None, reason="KUBEQUE_E2E_API_PID is not set: the API server cannot be stopped here")
@pytest.mark.usefixtures("keepers")
def test_an_api_server_that_stands_still_is_waited_for(desk: Desk) -> None:
    assert API_PID is not None
    start(desk, "api", 12)
    watcher = watching(desk, "api")
    os.kill(int(API_PID), signal.SIGSTOP)
    try:
        time.sleep(30)
    finally:
        os.kill(int(API_PID), signal.SIGCONT)
    said, _ = watcher.communicate(timeout=300)

    assert watcher.returncode == 0, said
    complete(desk, "api")
