"""Rare cases: consecutive drains, a reset with few consumers left, concurrent repairs, a long name."""

from __future__ import annotations

from typing import Any

import pytest

from kubeque.clusters.kubernetes.api import path
from kubeque.clusters.kubernetes.object_names import slug
from kubeque.files.store import Files
from tests.e2e.conftest import NAMESPACE, Desk
from tests.servers.objects import BUCKET

QUICK = ("--no-wait", "--memory", "64Mi")


def write_rows(desk: Desk, seconds: list[int]) -> None:
    (desk.folder / "rows.csv").write_text("".join(f"{line}\n" for line in ["seconds", *seconds]))


def running(desk: Desk, job: str) -> list[dict[str, Any]]:
    """Return the pods of consumers that run and are not being deleted."""
    found = [pod for pod in desk.objects("pods", job) if pod["status"].get("phase") == "Running" and not is_keeper(pod)]
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


def phases(desk: Desk, job: str) -> list[str]:
    """Return the phases of the pods of consumers, sorted."""
    return sorted(pod["status"].get("phase", "") for pod in desk.objects("pods", job) if not is_keeper(pod))


def is_keeper(pod: dict[str, Any]) -> bool:
    return bool(pod["metadata"]["labels"]["kubeque/class"] == "keeper")


def evict(desk: Desk, pod: dict[str, Any]) -> None:
    meta = {"name": pod["metadata"]["name"], "namespace": NAMESPACE}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta}
    desk.api.create(f"{path('pods', NAMESPACE, meta['name'])}/eviction", eviction)


@pytest.mark.usefixtures("keepers")
def test_a_single_consumer_that_is_drained_three_times_comes_back(desk: Desk) -> None:
    """An index that fails waits 10, 20, 40 seconds: further Kubernetes Jobs take its place meanwhile."""
    done = desk.sub("-n", "drained", "--consumers", "1", *QUICK, "/bin/sh", "-c", "exec sleep 600")
    assert done.returncode == 0, done.stderr
    for _ in range(3):
        at_work(desk)
        for pod in running(desk, "drained"):
            evict(desk, pod)
    at_work(desk)
    jobs = [found for found in desk.objects("jobs", "drained") if not is_keeper(found)]
    assert len(jobs) > 1
    assert sum(found["spec"]["parallelism"] for found in jobs) == 1
    assert desk.run("kill", "drained").returncode == 0


def at_work(desk: Desk) -> None:
    desk.until("a consumer at work", lambda: running(desk, "drained") and desk.status("drained")["counts"]["running"])


def test_a_reset_of_all_rows_when_all_consumers_but_one_have_left(desk: Desk) -> None:
    files, end = Files({"gs": desk.store.options}), f"ends-{desk.folder.name}"
    there = f"{desk.store.url}/storage/v1/b/{BUCKET}/o/{end}?alt=media"
    write_rows(desk, [0, 0, 1])
    script = f"sleep {{seconds}}; [ {{seconds}} = 0 ] || until busybox wget -q -O /dev/null '{there}'; do sleep 1; done"
    done = desk.sub("-n", "again", "--consumers", "3", *QUICK, "-p", "rows.csv", "/bin/sh", "-c", script)
    assert done.returncode == 0, done.stderr
    # A pod that starts late would take the rows of the reset: no other consumer were needed then.
    desk.until("one consumer", lambda: phases(desk, "again") == ["Running", "Succeeded", "Succeeded"])
    assert desk.status("again")["counts"]["ok"] == 2
    reset = desk.run("reset", "again", "--all")
    assert reset.returncode == 0, reset.stderr
    watcher = desk.watch("again")
    desk.until("consumers again", lambda: len(phases(desk, "again")) > 3)
    files.write(f"gs://{BUCKET}/{end}", b"now")
    out, _ = watcher.communicate(timeout=600)
    assert watcher.returncode == 0, out
    tasks = desk.tasks("again")
    assert [task["state"] for task in tasks] == ["ok"] * 3
    assert [task["attempts"] for task in tasks] == [2, 2, 1]  # what ran when it was reset went on
    assert desk.run("doctor", "again").returncode == 0


def test_of_many_who_repair_at_once_one_starts_consumers_and_a_long_name_does_no_harm(desk: Desk) -> None:
    long = ("A night of many rows, " * 20)[:199] + "!"  # the longest name
    write_rows(desk, [5, 5])
    done = desk.sub("-n", long, "--consumers", "2", *QUICK, "-p", "rows.csv", "/bin/sh", "-c", "sleep {seconds}")
    assert done.returncode == 0, done.stderr
    label = slug(long, 63)
    assert desk.run("stop").returncode == 0
    desk.until("nobody to serve it", lambda: not desk.objects("jobs", label))
    desk.until("the end of its pods", lambda: "no consumer runs" in desk.run("status", long).stdout)
    assert not desk.objects("jobs", label)
    watchers = [desk.watch(long) for _ in range(4)]
    desk.until("somebody to serve it", lambda: desk.objects("jobs", label))
    assert [(found["spec"]["completions"], found["metadata"]["labels"]["kubeque/job"]) for found in
            desk.objects("jobs", label)] == [(2, label)]  # fmt: skip
    for watcher in watchers:
        out, _ = watcher.communicate(timeout=600)
        assert watcher.returncode == 0, out
    assert [task["state"] for task in desk.tasks(long)] == ["ok"] * 2
