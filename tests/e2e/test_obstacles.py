"""What cannot start is said within seconds, and is an error in the end."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from kubeque.clusters.kubernetes import path
from tests.e2e.conftest import NAMESPACE, Desk, until

OBSTACLES = {
    "image": (["--image", "nobody/has-this:1"], "nobody/has-this:1"),
    "room": (["--memory", "900Gi"], "no node has 900Gi of memory free: the most that one has left is"),
    "secret": (["--env-from-secret", "not-there"], 'secret "not-there" not found'),
    "account": (["--service-account", "not-there"], 'serviceaccount "not-there" not found'),
}


@pytest.mark.parametrize("what", OBSTACLES)
def test_it_is_said_and_ends_the_job(desk: Desk, what: str) -> None:
    words, said = OBSTACLES[what]
    began = time.monotonic()
    done = desk.sub("-n", what, "--no-wait", "--start-timeout", "40s", *words, "/bin/sh", "-c", "true")
    assert done.returncode == 0, done.stdout + done.stderr

    seen: list[str] = []
    while not seen and time.monotonic() < began + 60:
        seen = [text for text in desk.status(what)["obstacles"] if said in text]
        time.sleep(1)
    assert seen
    done = desk.run("watch", what)
    assert done.returncode == 1
    assert "no consumer could start within 40 s" in done.stdout
    assert said in done.stdout


def test_without_spot_machines_the_sweep_runs_on_others(desk: Desk) -> None:
    done = desk.sub("-n", "spot", "--spot", "--spot-patience", "5s", "--memory", "32Mi", "--repeat", "3",
                    "--consumers", "2", "/bin/sh", "-c", "true")  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert desk.status("spot")["counts"]["ok"] == 3
    until("nothing left in the cluster", lambda: not desk.objects("jobs", "spot") + desk.objects("pods", "spot"))


def test_a_quota_is_named(desk: Desk) -> None:
    quota: dict[str, Any] = {
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}},
    }  # fmt: skip
    desk.api.create(path("resourcequotas", NAMESPACE), quota)
    try:
        desk.sub("-n", "quota", "--start-timeout", "20s", "/bin/sh", "-c", "true")
        reason = desk.status("quota")["reason"]
    finally:
        desk.api.delete(path("resourcequotas", NAMESPACE, "none"))
    assert "exceeded quota: none" in reason


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pod-template", "wrong.yaml"], 'unknown field "spec.template.spec.nodeSelectr"'),
        (["--cluster", "kubernetes://nowhere"], "there is no context 'nowhere'"),
    ],
)
def test_a_mistake_is_refused_before_anything_is_submitted(desk: Desk, words: list[str], said: str) -> None:
    (desk.folder / "wrong.yaml").write_text(json.dumps({"spec": {"hostNetwork": True, "nodeSelectr": {"a": "b"}}}))
    done = desk.run("sub", "-n", "wrong", "--image", "any", *words, "true")

    assert done.returncode == 2
    assert said in done.stderr
    assert desk.run("status", "wrong").returncode == 2
