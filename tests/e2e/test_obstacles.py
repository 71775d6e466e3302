"""Obstacles to a start are reported within seconds, and fail the job in the end."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from kubeque.clusters.kubernetes.api import path
from tests.e2e.conftest import NAMESPACE, Desk

OBSTACLES = {
    "image": (["--image", "nobody/has-this:1"], "nobody/has-this:1"),
    "room": (["--memory", "900Gi"], "no node has 900Gi of memory free: the most that one has left is"),
    "secret": (["--env-from-secret", "not-there"], 'secret "not-there" not found'),
    "account": (["--service-account", "not-there"], 'serviceaccount "not-there" not found'),
}


def test_they_are_said_and_end_the_job(desk: Desk) -> None:
    for what, (words, _) in OBSTACLES.items():
        done = desk.sub("-n", what, "--no-wait", "--start-timeout", "60s", *words, "/bin/sh", "-c", "true")
        assert done.returncode == 0, done.stdout + done.stderr

    for what, (_, said) in OBSTACLES.items():
        desk.until(f"{said} is said", partial(names, desk, what, said), 60)
    for what, (_, said) in OBSTACLES.items():
        done = desk.run("watch", what)
        assert done.returncode == 1
        assert "no consumer could start within 60 s" in done.stdout
        assert said in done.stdout


def names(desk: Desk, job: str, said: str) -> bool:
    """True if the obstacles of a job that has not been given up contain this text."""
    return any(said in text for text in desk.status(job)["obstacles"])


def test_without_spot_machines_the_sweep_runs_on_others(desk: Desk) -> None:
    done = desk.sub("-n", "spot", "--spot", "--spot-patience", "5s", "--memory", "32Mi", "--repeat", "3",
                    "--consumers", "2", "/bin/sh", "-c", "true")  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert desk.status("spot")["counts"]["ok"] == 3
    desk.leaves_nothing("spot")


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
        (["--priority", "5"], "the priority 5 has no effect in pods"),
        (["--cluster", "kubernetes://nowhere"], "the kubeconfig has no context 'nowhere'"),
    ],
)
def test_a_mistake_is_refused_before_anything_is_submitted(desk: Desk, words: list[str], said: str) -> None:
    (desk.folder / "wrong.yaml").write_text(json.dumps({"spec": {"hostNetwork": True, "nodeSelectr": {"a": "b"}}}))
    done = desk.run("sub", "-n", "wrong", "--image", "any", *words, "true")

    assert done.returncode == 2
    assert said in done.stderr
    assert desk.run("status", "wrong").returncode == 2
