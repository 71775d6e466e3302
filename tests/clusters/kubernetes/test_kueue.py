"""The messages about a queue of Kueue and about a Kubernetes Job that waits. tests/e2e has the real Kueue."""

from __future__ import annotations

from typing import Any

import pytest

from kubeque.clusters.kubernetes.api import KubernetesApi
from kubeque.clusters.kubernetes.kueue import Kueue
from kubeque.model.errors import UserError
from kubeque.model.sweep.pod_options import PodOptions
from tests.servers.api_server import ApiServer

GROUP = "/apis/kueue.x-k8s.io"
V1 = f"{GROUP}/v1beta1"
WORKLOADS = f"{V1}/namespaces/default/workloads"


@pytest.fixture
def kueue(server: ApiServer, api: KubernetesApi) -> Kueue:
    server.objects[GROUP] = {"preferredVersion": {"version": "v1beta1"}}
    server.objects[f"{V1}/namespaces/default/localqueues/team"] = {"metadata": {"name": "team"}}
    server.objects[f"{V1}/workloadpriorityclasses/high"] = {"metadata": {"name": "high"}}
    return Kueue(api, "default")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kueue_queue": "nosuch"}, "there is no LocalQueue nosuch in the namespace default"),
        ({"kueue_queue": "team", "kueue_priority": "nosuch"}, "there is no WorkloadPriorityClass nosuch"),
        ({"kueue_priority": "high"}, "--kueue-priority has no effect without --kueue-queue"),
    ],
)
def test_a_queue_or_priority_that_does_not_exist_is_refused(kueue: Kueue, options: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        kueue.check(PodOptions(**options))  # type: ignore[arg-type]


def test_existing_objects_and_objects_that_may_not_be_read_are_accepted(server: ApiServer, kueue: Kueue) -> None:
    kueue.check(PodOptions())
    kueue.check(PodOptions(kueue_queue="team", kueue_priority="high"))
    server.unreadable = ("/localqueues/nosuch",)
    kueue.check(PodOptions(kueue_queue="nosuch"))


def test_a_cluster_without_kueue_is_named(api: KubernetesApi) -> None:
    with pytest.raises(UserError, match="the cluster has no Kueue: leave out --kueue-queue"):
        Kueue(api, "default").check(PodOptions(kueue_queue="team"))


def job(queue: str | None = "team") -> dict[str, Any]:
    labels = {"kueue.x-k8s.io/queue-name": queue} if queue else {}
    return {"metadata": {"name": "kq-1", "uid": "u1", "labels": labels}, "spec": {"suspend": True}}


def workload(conditions: list[dict[str, Any]], active: bool = True, owner: str = "u1") -> dict[str, Any]:
    meta = {"name": "w", "ownerReferences": [{"uid": owner}]}
    return {"metadata": meta, "spec": {"active": active}, "status": {"conditions": conditions}}


QUOTA = "couldn't assign flavors to pod set main: insufficient quota for cpu in flavor any, 1200m > maximum capacity"


@pytest.mark.parametrize(
    ("workloads", "said"),
    [
        ([workload([{"type": "QuotaReserved", "status": "False", "message": QUOTA}])], QUOTA),
        ([workload([], active=False)], "its Workload is deactivated"),
        ([workload([])], "no quota is reserved yet"),
        ([workload([], owner="another")], "Kueue has created no Workload for it"),
    ],
    ids=["quota", "deactivated", "new", "unknown"],
)
def test_the_reason_for_waiting_is_kueues_own(
    server: ApiServer, kueue: Kueue, workloads: list[dict[str, Any]], said: str
) -> None:
    server.objects[WORKLOADS] = {"metadata": {}, "items": workloads}
    reason = kueue.why_suspended(job())
    assert reason.startswith("it waits in the queue team of Kueue: ")
    assert said in reason


def test_without_permission_the_missing_right_is_named(server: ApiServer, kueue: Kueue) -> None:
    server.unreadable = ("/workloads",)
    assert "this account may not list workloads" in kueue.why_suspended(job())


def test_a_job_that_a_person_suspended_names_the_command_that_continues_it(api: KubernetesApi) -> None:
    assert "kubectl patch job kq-1" in Kueue(api, "default").why_suspended(job(queue=None))
