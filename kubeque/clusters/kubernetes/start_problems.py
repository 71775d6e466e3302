"""Find out why the consumers of a fleet do not start, and for how long they have not started."""

from __future__ import annotations

from collections import Counter
from typing import Any

from kubeque.clusters.base import Standstill
from kubeque.clusters.kubernetes import pod_status, scaling
from kubeque.clusters.kubernetes.api import KubernetesApi, path
from kubeque.clusters.kubernetes.node_capacity import format_amount, largest_free_amount, requested_amount
from kubeque.clusters.kubernetes.snapshot import FleetSnapshot
from kubeque.model.errors import ClusterRefused
from kubeque.model.text import one_line

#: Age in seconds from which a pod or Kubernetes Job without progress is examined.
_MIN_AGE_SECONDS = 4.0
#: Age of a pod in seconds from which a missing Secret of kubeque is a problem. The Secret is created after the
#: Kubernetes Job.
_SECRET_SECONDS = 30.0
#: Reason of the event that the autoscaler creates when it adds a node.
_SCALING = "TriggeredScaleUp"
#: Maximum number of different messages to return.
_MAX_MESSAGES = 3


class StartProblems:
    """Examines fleets. Objects that this account is not allowed to read (events, nodes) are left out."""

    def __init__(self, api: KubernetesApi, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._forbidden: set[str] = set()

    def of(self, snapshot: FleetSnapshot, now: float) -> Standstill:
        """Return the reasons why the consumers of a fleet do not start; none if no pod waits."""
        open_jobs = [job for job in snapshot.jobs if not scaling.is_over(job)]
        live = [pod for pod in snapshot.pods if pod_status.is_live(pod)]
        stuck = [pod for pod in live if pod["status"].get("phase") == "Pending" and _is_late(pod, now)]
        found: Counter[str] = Counter()
        scaling_up = False
        for pod in stuck:
            events = [] if pod_status.hold_up(pod) and found else self._events(pod)
            scaling_up = scaling_up or any(event.get("reason") == _SCALING for event in events)
            if message := self._describe_problem(pod, events):
                found[message] += 1
        for job in open_jobs:
            if not any(_is_of(pod, job) for pod in snapshot.pods) and _age(job, now) > _MIN_AGE_SECONDS:
                found.update(_warnings(self._events(job)) or self._suspended(job))
        crashed = [pod for pod in snapshot.pods if pod["status"].get("phase") == "Failed"]
        found.update(message for pod in crashed if not live and (message := pod_status.hold_up(pod)))
        messages = [
            f"{message} ({count} consumers)" if count > 1 else message
            for message, count in found.most_common(_MAX_MESSAGES)
        ]
        seconds = self._seconds(snapshot, open_jobs, now) if messages and not scaling_up else 0.0
        return Standstill((*messages, *self._keeper(snapshot, now)), seconds)

    def _keeper(self, snapshot: FleetSnapshot, now: float) -> tuple[str, ...]:
        """Return the reason why the keeper does not work.

        Without a keeper, the job continues only while a program watches it.
        """
        pods = snapshot.keeper_pods
        stuck = [pod for pod in pods if pod_status.hold_up(pod) and _is_late(pod, now)]
        if any(pod["status"].get("phase") == "Running" for pod in pods) or not stuck:
            return ()
        return (f"the keeper cannot work: {pod_status.hold_up(stuck[-1])}",)

    def _seconds(self, snapshot: FleetSnapshot, open_jobs: list[dict[str, Any]], now: float) -> float:
        """Return for how many seconds no consumer could start; 0 if any consumer has started."""
        suspended = any(job["spec"].get("suspend") for job in open_jobs)
        if suspended or any(map(pod_status.has_started, (p for p in snapshot.pods if not pod_status.hold_up(p)))):
            return 0.0
        return max((_age(job, now) for job in open_jobs), default=0.0)

    def _describe_problem(self, pod: pod_status.Pod, events: list[dict[str, Any]]) -> str:
        message = pod_status.hold_up(pod)
        if resource := pod_status.resource_missing(message):
            free = self._most_free(resource)
            if free is not None:
                needs = format_amount(requested_amount(pod["spec"], resource), resource)
                largest = format_amount(free, resource)
                message = f"no node has {needs} of {resource} free: the most that one has left is {largest}"
        return message or next(iter(_warnings(events)), "")

    def _most_free(self, resource: str) -> float | None:
        try:
            return largest_free_amount(self._list("/api/v1/nodes"), self._list("/api/v1/pods"), resource)
        except ClusterRefused:
            return None

    def _events(self, thing: pod_status.Pod) -> list[dict[str, Any]]:
        try:
            found = self._list(
                path("events", self._namespace), fieldSelector=f"involvedObject.uid={thing['metadata']['uid']}"
            )
        except ClusterRefused:
            return []
        return sorted(found, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))

    def _list(self, where: str, **query: Any) -> list[dict[str, Any]]:
        """Return the objects at a path. A path that was refused once is not requested again."""
        if where in self._forbidden:
            raise ClusterRefused(f"reading {where} is not allowed", 403)
        try:
            return self._api.list(where, **query)
        except ClusterRefused as error:
            if error.status == 403:
                self._forbidden.add(where)
            raise

    @staticmethod
    def _suspended(job: dict[str, Any]) -> list[str]:
        return ["its Kubernetes Job is suspended: it waits for room in a queue"] if job["spec"].get("suspend") else []


def _warnings(events: list[dict[str, Any]]) -> list[str]:
    """Return a list with the last warning that says why no pod starts; empty if there is no warning."""
    message = [one_line(e.get("message", "")) for e in events if e.get("type") == "Warning"]
    reasons = [
        text for text in message if not text.startswith("Error: ")
    ] or message  # "Error: ErrImagePull" follows the reason
    return [f"no pod starts: {reasons[-1]}"] if reasons else []


def _is_late(pod: pod_status.Pod, now: float) -> bool:
    """True if the pod is old enough that it should have started."""
    return _age(pod, now) > (_SECRET_SECONDS if pod_status.waits_for_queue_secret(pod) else _MIN_AGE_SECONDS)


def _age(thing: pod_status.Pod, now: float) -> float:
    return now - pod_status.seconds_of(thing["metadata"].get("creationTimestamp"))


def _is_of(pod: pod_status.Pod, job: dict[str, Any]) -> bool:
    owners = pod["metadata"].get("ownerReferences") or []
    return any(owner.get("uid") == job["metadata"]["uid"] for owner in owners)
