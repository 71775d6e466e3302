"""Find the reasons why the consumers of a fleet do not start, and the time for which no consumer could start."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from kubeque.clusters.base import Standstill
from kubeque.clusters.kubernetes import pod_status, scaling
from kubeque.clusters.kubernetes.api import KubernetesApi, path
from kubeque.clusters.kubernetes.kueue import Kueue
from kubeque.clusters.kubernetes.node_capacity import format_amount, largest_free_amount, requested_amount
from kubeque.clusters.kubernetes.snapshot import FleetSnapshot
from kubeque.model.errors import ClusterRefused
from kubeque.model.text import one_line

#: Age in seconds from which a pod or Kubernetes Job without progress is examined.
_MIN_AGE_SECONDS = 4.0
#: Age of a pod in seconds from which a missing Secret of kubeque is a problem. kubeque creates the Secret after the
#: Kubernetes Job that starts the pod.
_SECRET_SECONDS = 30.0
#: Reason of the event that the autoscaler creates when it adds a node.
_SCALING = "TriggeredScaleUp"
#: Reasons of the events that prevent the start of a pod. Other warnings, for example about DNS or probes, do no harm.
_REASONS = frozenset({
    "FailedCreate", "FailedScheduling", "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "Failed",
    "FailedMapVolume", "InspectFailed", "ErrImageNeverPull", "FailedBinding", "ProvisioningFailed",
    "FailedCreatePodContainer", "NetworkNotReady", "FailedPodSandBoxStatus", "BackOff",
})  # fmt: skip
#: Maximum number of different messages to return.
_MAX_MESSAGES = 3

#: Events by the uid of their object.
_Events = dict[str, list[dict[str, Any]]]


class StartProblems:
    """Finds start problems of fleets. Events and nodes are ignored if this account is not allowed to read them."""

    def __init__(self, api: KubernetesApi, namespace: str, kueue: Kueue) -> None:
        self._api = api
        self._namespace = namespace
        self._kueue = kueue
        self._forbidden: set[str] = set()

    def of(self, snapshot: FleetSnapshot, now: float) -> Standstill:
        """Return the reasons why the consumers and the keeper of a fleet do not start; none if no start is delayed.

        `now`: Unix time, seconds.
        """
        open_jobs = [job for job in snapshot.jobs if not scaling.is_over(job)]
        live = [pod for pod in snapshot.pods if pod_status.is_live(pod)]
        stuck = [pod for pod in live if _is_stuck(pod) and _is_late(pod, now)]
        short = {
            job["metadata"]["uid"]: scaling.count_absent(job, live) for job in open_jobs
            if _age(job, now) > _MIN_AGE_SECONDS
        }  # fmt: skip
        runs = any(pod["status"].get("phase") == "Running" for pod in live)
        events = self._read_events() if (stuck and not runs) or any(short.values()) else {}
        found: Counter[str] = Counter(message for pod in stuck if (message := self._describe_problem(pod, events)))
        for job in open_jobs:
            if (count := short.get(job["metadata"]["uid"], 0)) and (message := self._why_absent(job, events)):
                found[message] += count
        if not runs:
            found.update(pod_status.hold_up(pod) for pod in snapshot.pods if pod_status.has_crashed(pod))
        messages = [
            f"{message} ({count} of {wanted} consumers)" if (wanted := _wanted(open_jobs)) > 1 else message
            for message, count in found.most_common(_MAX_MESSAGES)
        ]
        scaling_up = any(e.get("reason") == _SCALING for pod in stuck for e in events.get(pod["metadata"]["uid"], ()))
        seconds = self._seconds(snapshot, open_jobs, now) if messages and not scaling_up else 0.0
        return Standstill((*messages, *self._keeper(snapshot, now)), seconds)

    def _why_absent(self, job: dict[str, Any], events: _Events) -> str:
        """Return the reason why pods of an open Kubernetes Job do not exist; empty if the reason is unknown."""
        if job["spec"].get("suspend"):
            return self._kueue.why_suspended(job)
        return next(iter(_warnings(events.get(job["metadata"]["uid"], []))), "")

    def _keeper(self, snapshot: FleetSnapshot, now: float) -> tuple[str, ...]:
        """Return the reason why the keeper of the fleet does not work, in a tuple; empty if the keeper works.

        Without a keeper, nothing observes the job while no other program waits for it.
        """
        waiting = [j for j in snapshot.keeper_jobs if j["spec"].get("suspend") and not scaling.is_over(j)]
        if waiting and _age(waiting[-1], now) > _MIN_AGE_SECONDS:
            return (f"the keeper does not run: {self._kueue.why_suspended(waiting[-1])}",)
        pods = snapshot.keeper_pods
        if any(pod["status"].get("phase") == "Running" for pod in pods):
            return ()
        if crashed := [pod for pod in pods if pod_status.has_crashed(pod)]:
            return (f"the keeper ended: {pod_status.last_words(crashed[-1])}",)
        stuck = [pod for pod in pods if pod_status.hold_up(pod) and _is_late(pod, now)]
        return (f"the keeper does not start: {pod_status.hold_up(stuck[-1])}",) if stuck else ()

    def _seconds(self, snapshot: FleetSnapshot, open_jobs: list[dict[str, Any]], now: float) -> float:
        """Return the number of seconds during which no consumer could start.

        Return 0 if any consumer has started, or if Kueue suspends a Kubernetes Job of the fleet.
        """
        suspended = any(job["spec"].get("suspend") for job in open_jobs)
        if suspended or any(map(pod_status.has_started, (p for p in snapshot.pods if not pod_status.hold_up(p)))):
            return 0.0
        return max((_age(job, now) for job in open_jobs), default=0.0)

    def _describe_problem(self, pod: pod_status.Pod, events: _Events) -> str:
        message = pod_status.hold_up(pod)
        if resource := pod_status.resource_missing(message):
            free = self._most_free(resource)
            if free is not None:
                needs = format_amount(requested_amount(pod["spec"], resource), resource)
                largest = format_amount(free, resource)
                message = f"no node has {needs} of {resource} free: the most that one has left is {largest}"
        return message or next(iter(_warnings(events.get(pod["metadata"]["uid"], []))), "")

    def _most_free(self, resource: str) -> float | None:
        try:
            return largest_free_amount(self._list("/api/v1/nodes"), self._list("/api/v1/pods"), resource)
        except ClusterRefused:
            return None

    def _read_events(self) -> _Events:
        """Return the events of the namespace: for the uid of each object, a list of its events, the oldest first."""
        try:
            found = self._list(path("events", self._namespace))
        except ClusterRefused:
            return {}
        events: _Events = defaultdict(list)
        for event in sorted(found, key=lambda e: str(e.get("lastTimestamp") or e.get("eventTime") or "")):
            events[event.get("involvedObject", {}).get("uid", "")].append(event)
        return events

    def _list(self, where: str, **query: Any) -> list[dict[str, Any]]:
        """Return the objects at a path. Raises ClusterRefused.

        If this account lacks the permission for a path, the path is requested only once.
        """
        if where in self._forbidden:
            raise ClusterRefused(f"reading {where} is not allowed", 403)
        try:
            return self._api.list(where, **query)
        except ClusterRefused as error:
            if error.status == 403:
                self._forbidden.add(where)
            raise


def _warnings(events: list[dict[str, Any]]) -> list[str]:
    """Return a list with the last warning about why no pod starts; an empty list without such a warning."""
    message = [
        one_line(e.get("message", "")) for e in events
        if e.get("type") == "Warning" and e.get("reason") in _REASONS
    ]  # fmt: skip
    reasons = [
        text for text in message if not text.startswith("Error: ")
    ] or message  # "Error: ErrImagePull" only follows a message with the reason
    return [f"no pod starts: {reasons[-1]}"] if reasons else []


def _is_late(pod: pod_status.Pod, now: float) -> bool:
    """True if the pod is so old that it should have started. `now`: Unix time, seconds."""
    return _age(pod, now) > (_SECRET_SECONDS if pod_status.waits_for_queue_secret(pod) else _MIN_AGE_SECONDS)


def _wanted(open_jobs: list[dict[str, Any]]) -> int:
    return sum(int(job["spec"].get("parallelism", 0)) for job in open_jobs)


def _is_stuck(pod: pod_status.Pod) -> bool:
    """True if the pod is pending and is not about to start, because no init container runs."""
    return pod["status"].get("phase") == "Pending" and not pod_status.is_starting(pod)


def _age(thing: pod_status.Pod, now: float) -> float:
    """Return the age of a pod or Kubernetes Job in seconds.

    The age of a Kubernetes Job counts from the time at which its pods may start.
    """
    return now - scaling.start_of(thing)
