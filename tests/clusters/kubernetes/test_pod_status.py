"""The cause of a consumer's death and the obstacles to its start are read from the status of its pod."""

from __future__ import annotations

from typing import Any

import pytest

from kubeque.clusters.kubernetes.pod_status import death_of, has_started, hold_up, is_live, is_starting, last_words
from kubeque.model.job.causes import Cause, Death

NOW = 1_000_000_000.0


def pod(
    phase: str = "Failed",
    terminated: dict[str, Any] | None = None,
    waiting: dict[str, Any] | None = None,
    **status: Any,
) -> dict[str, Any]:
    state = {"terminated": terminated} if terminated else {"waiting": waiting} if waiting else {"running": {}}
    containers = (
        [{"name": "task", "image": "user/image", "state": state}] if terminated or waiting or phase == "Running" else []
    )
    meta = {"name": "p", "uid": "u", "labels": {}, "creationTimestamp": "2001-09-09T01:40:00Z"}
    return {
        "metadata": meta,
        "spec": {"nodeName": "node-1"},
        "status": {"phase": phase, "containerStatuses": containers, **status},
    }


def ended(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return {"exitCode": code, "reason": reason, "message": message}


@pytest.mark.parametrize(
    ("seen", "cause", "running"),
    [
        (pod(terminated=ended(137, "OOMKilled", '{"uid": "u", "index": 7, "attempt": 1}')), Cause.OOM, 7),
        (pod(terminated=ended(143, "OOMKilled", "")), Cause.PREEMPTED, None),
        (pod(terminated=ended(137, "Error", '{"index": 3}')), Cause.LOST, 3),
        (pod("Succeeded", terminated=ended(0, "OOMKilled")), Cause.LOST, None),
        (pod(terminated=ended(143)), Cause.PREEMPTED, None),
        (
            pod(
                reason="Evicted",
                message="Pod ephemeral local storage usage exceeds the total limit of containers 40Mi. ",
            ),
            Cause.DISK,
            None,
        ),
        (pod(reason="Evicted", message="The node was low on resource: memory. "), Cause.PREEMPTED, None),
        (pod(reason="Terminated", message="imminent node shutdown"), Cause.PREEMPTED, None),
        (
            pod(terminated=ended(137), conditions=[{"type": "DisruptionTarget", "status": "True"}]),
            Cause.PREEMPTED,
            None,
        ),
    ],
)
def test_a_death_has_its_cause_and_the_task_of_its_journal(
    seen: dict[str, Any], cause: Cause, running: int | None
) -> None:
    death = death_of(seen, NOW)

    assert death is not None
    assert (death.cause, death.running) == (cause, running)


def test_a_consumer_that_lives_is_not_dead() -> None:
    assert death_of(pod("Running"), NOW) is None
    assert death_of(pod("Pending", waiting={"reason": "PodInitializing"}), NOW) is None


def test_a_pod_on_a_node_that_does_not_answer_is_given_up_after_its_grace() -> None:
    leaving = pod("Running")
    leaving["metadata"]["deletionTimestamp"] = "2001-09-09T01:46:00Z"  # 40 s before NOW
    assert death_of(leaving, NOW - 30) is None
    assert death_of(leaving, NOW) == Death(Cause.PREEMPTED, None, "node-1 does not answer")
    assert not is_live(leaving)


def test_what_the_consumer_said_at_its_end_is_told() -> None:
    seen = pod(terminated=ended(2, "Error", "the queue cannot be reached"))

    assert "the queue cannot be reached" in str(death_of(seen, NOW))
    assert hold_up(seen) == "a consumer ended: the queue cannot be reached"
    assert has_started(seen)


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (
            pod("Pending", waiting={"reason": "ErrImagePull", "message": "not\nfound"}),
            "the image user/image cannot be pulled: not found",
        ),
        (
            pod("Pending", waiting={"reason": "CreateContainerConfigError", "message": 'secret "x" not found'}),
            'a container cannot be created: secret "x" not found',
        ),
        (
            pod(
                "Pending",
                conditions=[
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "message": "0/2 nodes are available: 2 Insufficient memory. preemption: 0/2 nodes",
                    }
                ],
            ),
            "no node takes the pod: 0/2 nodes are available: 2 Insufficient memory.",
        ),
        (pod("Pending", waiting={"reason": "PodInitializing"}), ""),
        (pod("Running"), ""),
    ],
)
def test_what_holds_a_pod_up_is_said(seen: dict[str, Any], said: str) -> None:
    assert hold_up(seen) == said


def test_a_sidecar_neither_starts_the_pod_nor_ends_it() -> None:
    software = {"name": "software", "state": {"terminated": {"exitCode": 0}}}
    spec = {"initContainers": [{"name": "software"}, {"name": "proxy", "restartPolicy": "Always"}]}
    for state in ({"running": {"startedAt": "2026-01-01T00:00:00Z"}}, {"terminated": {"exitCode": 3}}):
        seen = {
            "spec": spec,
            "status": {"phase": "Pending", "initContainerStatuses": [software, {"name": "proxy", "state": state}]},
        }

        assert not is_starting(seen)
        assert last_words(seen) == ""
    copying = {"name": "software", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
    assert is_starting({"spec": spec, "status": {"initContainerStatuses": [copying]}})
