"""Compare short tasks on a Kubernetes cluster: kubeque's consumers against a Kubernetes Job with a pod for each row.

The Kubernetes Job is an Indexed Job, as Airflow's KubernetesJobOperator would run it. Image, command and number of
parallel tasks are the same. The measured time is from the submission to the end of the last row. kubeque also saves the
output of each task and makes its table. This needs the same as `make e2e`: KUBECONFIG, KUBEQUE_E2E_LOAD, and servers
on this machine that the cluster's pods can reach on loopback.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubeque.clusters.kubernetes.api import KubernetesApi, path
from tests.e2e import images
from tests.e2e.conftest import BUSYBOX, NAMESPACE, REPOSITORY, Desk, loader, set_up
from tests.servers.objects import GcsServer
from tests.servers.postgres import PostgresServer

_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """Result of one side."""

    rows: int
    seconds: float
    pods: int
    #: CPU seconds of the API server.
    api_cpu: float

    @property
    def rate(self) -> float:
        """Tasks per minute."""
        return 60 * self.rows / self.seconds


def main() -> None:
    """Measure, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=2000, help="rows for kubeque")
    parser.add_argument("--pods", type=int, default=200, help="rows for the Kubernetes Job, one pod each")
    parser.add_argument("--consumers", type=int, default=8, help="parallel tasks on both sides")
    parser.add_argument("--seconds", type=int, nargs="*", default=[0, 1], help="duration of a task")
    given = parser.parse_args()
    if not os.environ.get("KUBECONFIG") or not os.environ.get("KUBEQUE_E2E_LOAD"):
        print("KUBECONFIG and KUBEQUE_E2E_LOAD are not set: there is no Kubernetes, skipped")
        return
    postgres, store = PostgresServer(fsync=True), GcsServer()
    with tempfile.TemporaryDirectory(prefix="kubeque-bench-") as folder:
        load = loader()
        load(REPOSITORY / "build" / "consumer-image.tar")
        load(images.busybox(Path(folder), BUSYBOX))
        postgres.start()
        store.start()
        desk = set_up(Path(folder), postgres, store, KubernetesApi.connect())
        print(f"{given.consumers} at once; kubeque {given.rows} rows, a pod for each row {given.pods} rows")
        for seconds in given.seconds:
            command = ["/bin/busybox", "sleep", str(seconds)] if seconds else ["/bin/busybox", "true"]
            theirs = with_pods(desk.api, command, given.pods, given.consumers)
            ours = with_kubeque(desk, f"bench-{seconds}", command, given.rows, given.consumers)
            report(seconds, ours, theirs)
    store.stop()
    postgres.stop()


def with_pods(api: KubernetesApi, command: Sequence[str], rows: int, at_once: int) -> Run:
    """Run one Kubernetes Job with a pod for each row."""
    container = {"name": "task", "image": BUSYBOX, "imagePullPolicy": "IfNotPresent", "command": list(command)}
    pod = {"restartPolicy": "Never", "hostNetwork": True, "automountServiceAccountToken": False}
    manifest = {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "pod-per-row", "namespace": NAMESPACE},
        "spec": {
            "completionMode": "Indexed", "completions": rows, "parallelism": at_once,
            "template": {"spec": {**pod, "containers": [container]}},
        },
    }  # fmt: skip
    where = path("jobs", NAMESPACE, "pod-per-row")
    began, before = time.monotonic(), cpu_of(api)
    api.create(path("jobs", NAMESPACE), manifest)
    while not any(c["type"] == "Complete" for c in api.get(where)["status"].get("conditions") or []):
        time.sleep(_LOOK_SECONDS)
    seconds, cpu = time.monotonic() - began, cpu_of(api) - before
    pods = api.list(path("pods", NAMESPACE), labelSelector="job-name=pod-per-row")
    api.delete(where)
    while api.list(path("pods", NAMESPACE), labelSelector="job-name=pod-per-row"):
        time.sleep(_LOOK_SECONDS)
    return Run(rows, seconds, len(pods), cpu)


def with_kubeque(desk: Desk, job: str, command: Sequence[str], rows: int, at_once: int) -> Run:
    """Run `kubeque sub` and wait for its end."""
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_SECONDS):
            seen.update(pod["metadata"]["uid"] for pod in desk.objects("pods", job))

    began, before = time.monotonic(), cpu_of(desk.api)
    looking = threading.Thread(target=look)
    looking.start()
    done = desk.sub("-n", job, "--repeat", str(rows), "--consumers", str(at_once), "--json", *command)
    seconds, cpu = time.monotonic() - began, cpu_of(desk.api) - before
    over.set()
    looking.join()
    if done.returncode or json.loads(done.stdout)["counts"]["ok"] != rows:
        sys.exit(f"kubeque: {done.stdout}{done.stderr}")
    return Run(rows, seconds, len(seen), cpu)


def cpu_of(api: KubernetesApi) -> float:
    """Return the CPU seconds of the API server, from its own metrics."""
    client: Any = api._client
    answer = client.call_api(
        "/metrics", "GET", auth_settings=["BearerToken"], _return_http_data_only=True, _preload_content=False
    )
    found = re.search(r"^process_cpu_seconds_total (\S+)$", answer.data.decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


def report(seconds: int, ours: Run, theirs: Run) -> None:
    """Print the results of both sides and their ratio."""
    for name, run in (("kubeque", ours), ("a pod for each row", theirs)):
        per_task = 1e3 * run.api_cpu / run.rows
        print(
            f"{seconds} s  {name:20} {run.rows:5} rows in {run.seconds:6.1f} s  {run.rate:8.0f} tasks/min"
            f"  {run.pods:4} pods  API server: {run.api_cpu:5.1f} s of CPU, {per_task:6.1f} ms a task"
        )
    print(f"{seconds} s  ratio {ours.rate / theirs.rate:.1f}", flush=True)


if __name__ == "__main__":
    main()
