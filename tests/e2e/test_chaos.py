"""One sweep with many faults at the same time, even of nodes. Only the keeper observes it.

KUBEQUE_E2E_NODE is a command that kills a node, deletes its object and brings it back: `lose NODE`, `delete NODE`,
`revive NODE` are given behind it. The cluster has two nodes, node-1 and node-2.
"""

from __future__ import annotations

import shutil
from collections import Counter
from typing import Any

import pytest

from kubeque.clusters.kubernetes.api import path
from kubeque.files.store import Files
from tests.e2e.conftest import DEBIAN, NAMESPACE, NEEDS_NODE, PROVOKE, Desk, node
from tests.e2e.test_causes import SHARED_MEMORY
from tests.servers.objects import BUCKET

CONSUMERS = 4
SCRIPTS = {
    "eat_memory": 4, "eat_shared_memory": 1, "fill_disk": 3, "kill_itself": 2, "exit_3": 2, "sleep_long": 1,
    "take_some_time": 46,
}  # fmt: skip
ENDS = {
    "kill_itself": ("failed", "signal", 9),
    "exit_3": ("failed", "exit", 3),
    "sleep_long": ("failed", "timeout", None),
}


def drain(desk: Desk, name: str, job: str) -> None:
    """Evict the pods of a job from a node, as kubectl drain does."""
    where = f"/api/v1/nodes/{name}"
    desk.api.patch(where, {"spec": {"unschedulable": True}})
    for pod in desk.objects("pods", job):
        if pod["spec"].get("nodeName") == name and not pod["metadata"].get("deletionTimestamp"):
            meta = {"name": pod["metadata"]["name"], "namespace": NAMESPACE}
            eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta}
            desk.api.create(f"{path('pods', NAMESPACE, meta['name'])}/eviction", eviction)
    desk.api.patch(where, {"spec": {"unschedulable": None}})


@NEEDS_NODE
@pytest.mark.usefixtures("keepers")
def test_every_task_has_its_true_cause_whatever_happens_to_nodes(desk: Desk) -> None:
    with desk.counting_consumers("chaos") as most:
        run_through_faults(desk)
    print(f"at most {most()} consumers at the same time")
    assert 1 <= most() <= CONSUMERS

    tasks = desk.tasks("chaos")
    assert len(tasks) == 60
    for task in tasks:
        end = ("failed", "stage", None) if task["input"] == "gone" else ENDS.get(task["script"], ("ok", "ok", 0))
        assert (task["state"], task["cause"], task["exit_code"]) == end, task
    assert all(task["attempts"] >= 2 for task in tasks if task["script"] == "eat_memory")
    assert Counter(task["state"] for task in tasks) == {"ok": 54, "failed": 6}
    books = desk.run("doctor", "chaos")
    assert books.returncode == 0, books.stdout  # nothing was accepted twice, and what was accepted is there
    assert desk.objects("secrets", "chaos") == []


def run_through_faults(desk: Desk) -> None:
    """Run the sweep to its end. Meanwhile a node is lost and comes back, and the other one is drained."""
    files, inputs = Files({"gs": desk.store.options}), f"gs://{BUCKET}/inputs-{desk.folder.name}"
    for name in ("there", "gone"):
        files.write(f"{inputs}/{name}.txt", b"hello")
    shutil.copytree(PROVOKE, desk.folder / "provoke")
    rows = [f"{script},there" for script, count in SCRIPTS.items() for _ in range(count)] + ["take_some_time,gone"]
    (desk.folder / "p.csv").write_text("\n".join(["script,input", *rows]) + "\n")
    done = desk.sub(
        "-n", "chaos", "--no-wait", "-p", "p.csv", "--consumers", str(CONSUMERS), "--memory", "64Mi", "--disk", "40Mi",
        "--task-timeout", "25s", "python3", "^provoke/{script}.py", f"^{inputs}/{{input}}.txt",
        image=DEBIAN, template=SHARED_MEMORY,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    files.delete(f"{inputs}/gone.txt")

    desk.until("the first consumers on node-2", lambda: "node-2" in running_on(desk))
    node("lose", "node-2")
    try:
        desk.until(
            "node-2 to be given up", lambda: any(p["metadata"].get("deletionTimestamp") for p in pods(desk)), 180
        )
    finally:
        node("delete", "node-2")
        node("revive", "node-2")
    desk.until("consumers on node-1", lambda: "node-1" in running_on(desk))
    drain(desk, "node-1", "chaos")
    desk.leaves_nothing("chaos", 480)


def pods(desk: Desk) -> list[dict[str, Any]]:
    return desk.objects("pods", "chaos")


def running_on(desk: Desk) -> set[str]:
    """Return the nodes on which pods of the job run, except the keeper's."""
    return {
        pod["spec"]["nodeName"]
        for pod in pods(desk)
        if pod["status"].get("phase") == "Running" and pod["metadata"]["labels"]["kubeque/class"] != "keeper"
    }
