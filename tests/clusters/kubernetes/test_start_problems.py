"""Why consumers do not start, from the objects and events of the API server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubeque.clusters.kubernetes.api import KubernetesApi
from kubeque.clusters.kubernetes.kueue import Kueue
from kubeque.clusters.kubernetes.snapshot import FleetSnapshot
from kubeque.clusters.kubernetes.start_problems import StartProblems
from tests.servers.api_server import ApiServer

NOW = 1_000_000_000.0  # 2001-09-09T01:46:40Z
EARLIER = "2001-09-09T01:40:00Z"
EVENTS = "/api/v1/namespaces/default/events"


def kjob(parallelism: int, *, keeper: bool = False, **how: Any) -> dict[str, Any]:
    meta = {
        "name": "kq", "uid": "keeper-job" if keeper else "j", "creationTimestamp": EARLIER,
        "labels": {"kubeque/class": "keeper" if keeper else "0"},
    }  # fmt: skip
    return {
        "metadata": meta, "spec": {"completions": parallelism, "parallelism": parallelism, **how},
        "status": {"startTime": how.pop("start", EARLIER)},
    }  # fmt: skip


def pod(uid: str, phase: str = "Pending", *, keeper: bool = False, **status: Any) -> dict[str, Any]:
    meta = {
        "name": uid, "uid": uid, "creationTimestamp": EARLIER, "labels": {"kubeque/class": "keeper" if keeper else "0"},
        "ownerReferences": [{"uid": "keeper-job" if keeper else "j", "name": "kq"}],
    }  # fmt: skip
    return {"metadata": meta, "spec": {}, "status": {"phase": phase, **status}}


def ended(uid: str, name: str = "task", **terminated: Any) -> dict[str, Any]:
    status = {"name": name, "state": {"terminated": terminated}}
    return pod(uid, "Failed", keeper=name == "keeper", containerStatuses=[status])


def event(uid: str, reason: str, message: str, kind: str = "Warning") -> dict[str, Any]:
    return {"metadata": {}, "involvedObject": {"uid": uid}, "type": kind, "reason": reason, "message": message}


Look = Callable[..., tuple[tuple[str, ...], float]]


@pytest.fixture
def look(server: ApiServer, api: KubernetesApi) -> Look:
    def look(*things: dict[str, Any], events: tuple[dict[str, Any], ...] = ()) -> tuple[tuple[str, ...], float]:
        server.objects = {f"{EVENTS}/{at}": found for at, found in enumerate(events)}
        jobs = [thing for thing in things if "completions" in thing["spec"]]
        pods = [thing for thing in things if "completions" not in thing["spec"]]
        problems = StartProblems(api, "default", Kueue(api, "default"))
        found = problems.of(FleetSnapshot.of(0.0, jobs, pods), NOW)
        return found.messages, found.seconds

    return look


def test_one_request_reads_the_events_of_all_waiting_pods(server: ApiServer, look: Look) -> None:
    found, seconds = look(
        kjob(5), *(pod(f"p{at}") for at in range(5)),
        events=tuple(event(f"p{at}", "FailedMount", 'configmap "x" not found') for at in range(5)),
    )  # fmt: skip
    assert found == ('no pod starts: configmap "x" not found (5 of 5 consumers)',)
    assert seconds == 400
    assert server.calls.count(f"GET {EVENTS}") == 1


def test_no_events_are_read_while_software_is_copied_or_all_consumers_run(server: ApiServer, look: Look) -> None:
    copying = pod("p", initContainerStatuses=[{"name": "software", "state": {"running": {"startedAt": EARLIER}}}])
    assert look(kjob(1), copying) == ((), 0.0)
    assert look(kjob(1), pod("p", "Running")) == ((), 0.0)
    assert not any(call.endswith("/events") for call in server.calls)


def test_a_harmless_warning_is_no_reason(look: Look) -> None:
    assert look(kjob(1), pod("p"), events=(event("p", "MissingClusterDNS", "pod will use the node's DNS"),))[0] == ()


def test_a_quota_for_some_consumers_is_named_with_their_number(look: Look) -> None:
    refused = event("j", "FailedCreate", "pods is forbidden: exceeded quota: few")
    started = {"name": "task", "state": {"running": {"startedAt": EARLIER}}}
    found, seconds = look(kjob(4), pod("p", "Running", containerStatuses=[started]), events=(refused,))
    assert found == ("no pod starts: pods is forbidden: exceeded quota: few (3 of 4 consumers)",)
    assert seconds == 0  # a consumer runs


@pytest.mark.parametrize(
    ("terminated", "said"),
    [
        (
            {"exitCode": 1, "reason": "Error", "message": "Traceback\n  File x\nImportError: no module y\n"},
            "a consumer ended: ImportError: no module y",
        ),
        ({"exitCode": 3, "reason": "Error"}, "a consumer ended: exit code 3"),
    ],
)
def test_consumers_that_crash_are_named_and_do_not_count_as_started(
    look: Look, terminated: dict[str, Any], said: str
) -> None:
    assert look(kjob(1), ended("p", **terminated)) == ((said,), 400)


def test_a_keeper_that_is_killed_or_waits_in_a_queue_is_named(look: Look) -> None:
    running = pod("p", "Running")
    killed = ended("k", "keeper", exitCode=137, reason="OOMKilled")
    assert look(kjob(1), running, kjob(1, keeper=True), killed)[0] == (
        "the keeper ended: it was killed for lack of memory",
    )
    (said,) = look(kjob(1), running, kjob(1, keeper=True, suspend=True))[0]
    assert said.startswith("the keeper does not run: its Kubernetes Job is suspended")


def test_the_time_before_the_admission_does_not_count(look: Look) -> None:
    unschedulable = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no nodes"}
    waiting = pod("p", conditions=[unschedulable])
    found, seconds = look(kjob(1, start="2001-09-09T01:46:30Z"), waiting)
    assert found == ("no node takes the pod: no nodes",)
    assert seconds == 10
