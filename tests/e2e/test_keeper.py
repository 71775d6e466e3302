"""Nobody watches, and the keeper sees to it that all comes to its end."""

from __future__ import annotations

import shutil
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
    for job in desk.objects("jobs", "kept"):
        if classes([job]) != ["keeper"]:
            desk.api.delete(path("jobs", NAMESPACE, job["metadata"]["name"]))
    desk.leaves_nothing("kept", 300)

    tasks = desk.tasks("kept")
    assert [task["state"] for task in tasks] == ["ok"] * 4
    assert tasks[0]["attempts"] >= 2
    assert desk.status("kept")["state"] == "success"
    assert desk.objects("secrets", "kept") == []


def classes(things: list[dict[str, Any]]) -> list[str]:
    return [thing["metadata"]["labels"]["kubeque/class"] for thing in things]
