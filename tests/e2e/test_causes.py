"""Every failure gets its true cause, and repairable failures are repaired. The scripts can be run by hand too."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from kubeque.files.store import Files
from tests.e2e.conftest import DEBIAN, PROVOKE, Desk
from tests.servers.objects import BUCKET

SHARED_MEMORY = {
    "volumes": [{"name": "shared-memory", "emptyDir": {"medium": "Memory"}}],
    "containers": [{"name": "task", "volumeMounts": [{"name": "shared-memory", "mountPath": "/dev/shm"}]}],
}


def provoked(desk: Desk, job: str, scripts: list[str], *words: str, template: Any = None) -> dict[str, dict[str, Any]]:
    """Run the scripts as a sweep; return the task of each script by its name."""
    shutil.copytree(PROVOKE, desk.folder / "provoke")
    (desk.folder / "p.csv").write_text("".join(f"{line}\n" for line in ["script", *scripts]))
    desk.sub(
        "-n", job, "-p", "p.csv", *words, "python3", "^provoke/{script}.py", image=DEBIAN, template=template
    )  # fmt: skip
    return {task["script"]: task for task in desk.tasks(job)}


def test_each_end_has_its_cause(desk: Desk) -> None:
    scripts = ["fine", "exit_3", "kill_itself", "eat_memory", "fill_disk", "no_space", "sleep_long"]
    found = provoked(
        desk, "causes", scripts, "--memory", "64Mi", "--disk", "40Mi", "--task-timeout", "20s", "--consumers", "3",
        "--retry-causes", "disk=1",
    )  # fmt: skip

    causes = {script: (task["state"], task["cause"], task["exit_code"]) for script, task in found.items()}
    assert causes == {
        "fine": ("ok", "ok", 0),
        "exit_3": ("failed", "exit", 3),
        "kill_itself": ("failed", "signal", 9),
        "eat_memory": ("ok", "ok", 0),
        "fill_disk": ("ok", "ok", 0),
        "no_space": ("failed", "disk", 1),
        "sleep_long": ("failed", "timeout", None),
    }
    assert found["eat_memory"]["attempts"] == 2
    assert found["eat_memory"]["peak_memory"] > 100_000_000
    assert found["fill_disk"]["attempts"] == 2
    assert found["no_space"]["attempts"] == 2


@pytest.mark.smoke
def test_the_death_of_a_whole_container_is_out_of_memory(desk: Desk) -> None:
    found = provoked(
        desk, "shared-memory", ["eat_shared_memory", "fine"], "--memory", "64Mi", "--consumers", "1",
        template=SHARED_MEMORY,
    )  # fmt: skip

    assert [task["state"] for task in found.values()] == ["ok", "ok"]
    assert found["eat_shared_memory"]["attempts"] == 2
    history = desk.run("show", "shared-memory", "0", "--json")
    assert '"oom"' in history.stdout


def test_an_eviction_for_the_own_disk_is_charged_as_disk(desk: Desk) -> None:
    """The limit of the container is 306 MiB, then 356 MiB. The file is outside of the working directory."""
    write = 'dd if=/dev/zero of=/big bs=1M count=330 && if [ "$KUBEQUE_ATTEMPT" = 1 ]; then sleep 300; fi'
    for job, words in (("more", []), ("fails", ["--retry-causes", "disk=0"])):
        done = desk.sub("-n", job, "--no-wait", "--disk", "50Mi", "--repeat", "1", *words, "/bin/sh", "-c", write)
        assert done.returncode == 0, done.stderr
    watchers = {job: desk.watch(job) for job in ("more", "fails")}
    said = {job: watcher.communicate(timeout=300)[0] for job, watcher in watchers.items()}

    (more,), (fails,) = desk.tasks("more"), desk.tasks("fails")
    assert (more["state"], more["attempts"]) == ("ok", 2), said["more"]
    history = json.loads(desk.run("show", "more", "0", "--json").stdout)["history"]
    assert [attempt["cause"] for attempt in history] == ["disk", "ok"]
    assert (fails["state"], fails["cause"], fails["attempts"]) == ("failed", "disk", 1), said["fails"]
    assert (
        "ephemeral local storage usage exceeds"
        in json.loads(desk.run("show", "fails", "0", "--json").stdout)["message"]
    )


def test_an_input_that_is_gone_is_named(desk: Desk) -> None:
    url = f"gs://{BUCKET}/inputs/{desk.folder.name}.txt"
    Files({"gs": desk.store.options}).write(url, b"hello")
    shutil.copytree(PROVOKE, desk.folder / "provoke")
    words = ("python3", "^provoke/read_input.py", f"^{url}")
    done = desk.sub("-n", "input", "--no-wait", "--retry-causes", "stage=0", *words, image=DEBIAN)
    Files({"gs": desk.store.options}).delete(url)
    assert done.returncode == 0, done.stderr
    desk.run("watch", "input")

    (task,) = desk.tasks("input")
    assert (task["state"], task["cause"]) == ("failed", "stage")
