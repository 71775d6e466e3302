"""Without any observer, the keeper brings the job to its end."""

from __future__ import annotations

import shutil
from functools import partial
from typing import Any

import pytest

from kubeque.clusters.kubernetes.api import path
from tests.e2e.conftest import DEBIAN, NAMESPACE, PROVOKE, Desk


@pytest.mark.smoke
@pytest.mark.usefixtures("keepers")
def test_more_memory_and_new_pods_come_without_anybody_who_watches(desk: Desk) -> None:
    shutil.copytree(PROVOKE, desk.folder / "provoke")
    (desk.folder / "p.csv").write_text("script\neat_memory\n" + 3 * "take_some_time\n")
    done = desk.sub("-n", "kept", "--no-wait", "--consumers", "2", "--memory", "64Mi", "-p", "p.csv",
                    "python3", "^provoke/{script}.py", image=DEBIAN)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "keeper" not in done.stderr
    desk.until("a class with more memory", lambda: "1" in classes(desk.objects("jobs", "kept")))
    for pod in desk.objects("pods", "kept"):
        if classes([pod]) != ["keeper"]:
            desk.api.delete(path("pods", NAMESPACE, name_of(pod)))
    desk.leaves_nothing("kept", 300)

    tasks = desk.tasks("kept")
    assert [task["state"] for task in tasks] == ["ok"] * 4
    assert tasks[0]["attempts"] >= 2
    assert desk.status("kept")["state"] == "success"
    assert desk.objects("secrets", "kept") == []


@pytest.mark.usefixtures("keepers")
def test_no_secret_outlives_its_kubernetes_job_and_a_missing_one_is_made(desk: Desk) -> None:
    quota = {"metadata": {"name": "one-job"}, "spec": {"hard": {"count/jobs.batch": "1"}}}
    desk.api.create(path("resourcequotas", NAMESPACE), quota)
    try:
        submit(desk, "refused")  # the Kubernetes Job of its keeper
        jobs, secrets = (set(map(name_of, desk.objects(kind, "refused"))) for kind in ("jobs", "secrets"))
        assert len(jobs) == 1
        assert secrets == jobs
    finally:
        desk.api.delete(path("resourcequotas", NAMESPACE, "one-job"))
    assert desk.run("kill", "refused").returncode == 0

    submit(desk, "mended")
    # As if the client had died between the Kubernetes Job and its Secret
    for secret in desk.objects("secrets", "mended"):
        if classes([secret]) != ["keeper"]:
            desk.api.delete(path("secrets", NAMESPACE, name_of(secret)))
    for pod in desk.objects("pods", "mended"):
        if classes([pod]) != ["keeper"]:
            desk.api.delete(path("pods", NAMESPACE, name_of(pod)))
    desk.until("a running task", lambda: desk.status("mended")["counts"]["running"])
    assert desk.run("remove", "mended", "--yes").returncode == 0  # the keeper leaves when its job is removed
    for job in ("mended", "refused"):
        desk.leaves_nothing(job)
        desk.until("no Secret", partial(no_secrets, desk, job))


def submit(desk: Desk, job: str) -> None:
    done = desk.sub("-n", job, "--no-wait", "--consumers", "1", "--memory", "64Mi", "/bin/sh", "-c", "exec sleep 600")
    assert done.returncode == 0, done.stderr


def no_secrets(desk: Desk, job: str) -> bool:
    return not desk.objects("secrets", job)


def name_of(thing: dict[str, Any]) -> str:
    return str(thing["metadata"]["name"])


def classes(things: list[dict[str, Any]]) -> list[str]:
    return [thing["metadata"]["labels"]["kubeque/class"] for thing in things]
