"""Sweeps in the queues of the real Kueue.

KUBEQUE_E2E_KUEUE is a program that starts it with `up NAMESPACE`, and ends it with `down`.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from kubeque.clusters.kubernetes.api import KubernetesApi, path
from tests.e2e.conftest import NAMESPACE, Desk

KUEUE = os.environ.get("KUBEQUE_E2E_KUEUE")
pytestmark = pytest.mark.skipif(KUEUE is None, reason="KUBEQUE_E2E_KUEUE is not set: there is no Kueue here")
GROUP = "/apis/kueue.x-k8s.io/v1beta2"
LOCAL = f"{GROUP}/namespaces/{NAMESPACE}/localqueues"
#: CPU that one consumer of these tests requests, in millicores.
CPU = 100
SIZE = ("--cpu", f"{CPU}m", "--memory", "64Mi")


def run_kueue(*words: str) -> None:
    assert KUEUE is not None
    subprocess.run([*shlex.split(KUEUE), *words], check=True, timeout=240, capture_output=True)


@pytest.fixture(scope="module", autouse=True)
def kueue(api: KubernetesApi) -> Iterator[None]:
    """The real Kueue. It manages the Kubernetes Jobs of the tests' namespace."""
    run_kueue("up", NAMESPACE)
    flavor = {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "ResourceFlavor", "metadata": {"name": "any"}}
    api.create(f"{GROUP}/resourceflavors", flavor)
    yield
    run_kueue("down")


class Queue:
    """A LocalQueue with its own ClusterQueue."""

    def __init__(self, api: KubernetesApi, name: str, consumers: float) -> None:
        self._api, self.name = api, name
        base = {"apiVersion": "kueue.x-k8s.io/v1beta2", "metadata": {"name": name}}
        local = {**base, "kind": "LocalQueue", "metadata": {"name": name, "namespace": NAMESPACE}}
        api.create(f"{GROUP}/clusterqueues", {**base, "kind": "ClusterQueue", "spec": self._spec(consumers)})
        api.create(LOCAL, {**local, "spec": {"clusterQueue": name}})

    def _spec(self, consumers: float) -> dict[str, Any]:
        resources = [
            {"name": "cpu", "nominalQuota": f"{int(CPU * consumers)}m"}, {"name": "memory", "nominalQuota": "8Gi"},
        ]  # fmt: skip
        groups = [{"coveredResources": ["cpu", "memory"], "flavors": [{"name": "any", "resources": resources}]}]
        match = {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}
        return {"namespaceSelector": match, "resourceGroups": groups}

    def allow(self, consumers: float) -> None:
        """Change the quota to the CPU of this number of consumers."""
        self._api.patch(f"{GROUP}/clusterqueues/{self.name}", {"spec": self._spec(consumers)})

    def remove(self) -> None:
        self._api.delete(f"{LOCAL}/{self.name}")
        self._api.delete(f"{GROUP}/clusterqueues/{self.name}")


@pytest.fixture
def queue(api: KubernetesApi, request: pytest.FixtureRequest) -> Iterator[Queue]:
    """A queue with quota for two consumers."""
    made = Queue(api, getattr(request, "param", "team"), 2.5)
    yield made
    made.remove()


def running(desk: Desk, job: str) -> list[str]:
    """Return the names of the running consumers of a job."""
    pods = [p for p in desk.objects("pods", job) if p["metadata"]["labels"]["kubeque/class"] != "keeper"]
    return [p["metadata"]["name"] for p in pods if p["status"].get("phase") == "Running"]


def parallelism(desk: Desk, job: str) -> int:
    return sum(found["spec"]["parallelism"] for found in desk.objects("jobs", job))


@pytest.mark.parametrize("consumers", ["1", "2"])
def test_a_sweep_runs_in_a_queue(desk: Desk, queue: Queue, consumers: str) -> None:
    done = desk.sub("-n", f"plain{consumers}", "--kueue-queue", queue.name, *SIZE, "--consumers", consumers,
                    "--repeat", "4", "/bin/sh", "-c", "true")  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    desk.leaves_nothing(f"plain{consumers}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--kueue-queue", "nosuch"], "there is no LocalQueue nosuch"),
        (["--kueue-queue", "team", "--kueue-priority", "nosuch"], "there is no WorkloadPriorityClass nosuch"),
        (["--kueue-priority", "nosuch"], "has no effect without --kueue-queue"),
    ],
)
def test_a_queue_that_does_not_exist_is_refused(desk: Desk, queue: Queue, words: list[str], said: str) -> None:
    done = desk.sub("-n", "lost", *words, *SIZE, "true")

    assert done.returncode == 2
    assert said in done.stderr


def test_the_time_in_the_queue_does_not_count_as_time_to_start(desk: Desk, queue: Queue) -> None:
    """The reason is Kueue's own, and the job starts once it has quota, although it waited longer than its timeout."""
    queue.allow(0)
    desk.sub("-n", "late", "--no-wait", "--kueue-queue", queue.name, *SIZE, "--start-timeout", "15s", "--consumers",
             "2", "--repeat", "4", "/bin/sh", "-c", "true")  # fmt: skip
    watch = desk.watch("late")
    desk.until("Kueue's reason", lambda: any("insufficient quota" in text for text in desk.status("late")["obstacles"]))
    with pytest.raises(subprocess.TimeoutExpired):
        watch.wait(25)

    queue.allow(2)
    output, _ = watch.communicate(timeout=180)
    assert watch.returncode == 0, output
    assert desk.status("late")["counts"]["ok"] == 4


def test_with_less_quota_fewer_consumers_run_and_a_dead_one_ends_nothing(desk: Desk, queue: Queue) -> None:
    desk.sub("-n", "part", "--no-wait", "--kueue-queue", queue.name, *SIZE, "--consumers", "4", "--repeat", "20",
             "/bin/sh", "-c", "sleep 10")  # fmt: skip
    watch = desk.watch("part")
    two = desk.until("two consumers", lambda: found if len(found := running(desk, "part")) == 2 else [])
    desk.until("the others wait", lambda: any("insufficient" in text for text in desk.status("part")["obstacles"]))
    assert parallelism(desk, "part") == 4
    desk.api.delete(path("pods", NAMESPACE, two[0]), gracePeriodSeconds="0")
    desk.until("a new consumer", lambda: len(set(running(desk, "part")) - {two[0]}) == 2)
    queue.allow(4)
    desk.until("four consumers", lambda: len(running(desk, "part")) == 4)
    output, _ = watch.communicate(timeout=240)

    assert watch.returncode == 0, output
    assert desk.status("part")["counts"]["ok"] == 20
    desk.leaves_nothing("part")


@pytest.mark.parametrize("queue", ["default"], indirect=True)
def test_a_default_queue_takes_jobs_and_their_keeper(desk: Desk, queue: Queue, keepers: None) -> None:
    """Kueue puts each Kubernetes Job of the namespace into the queue `default`, also without an option."""
    desk.sub("-n", "taken", "--no-wait", *SIZE, "--consumers", "2", "--repeat", "8", "/bin/sh", "-c", "sleep 6")
    two = desk.until("two consumers", lambda: found if len(found := running(desk, "taken")) == 2 else [])
    desk.api.delete(path("pods", NAMESPACE, two[0]), gracePeriodSeconds="0")

    desk.leaves_nothing("taken", 240)
    assert desk.status("taken")["counts"]["ok"] == 8
