"""Read and cache the Kubernetes Jobs and pods of a fleet, separated into consumers and keeper."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import field
from typing import Any

from kubeque.clusters.kubernetes.api import KubernetesApi, path
from kubeque.clusters.kubernetes.object_names import KEEPER, LABEL
from kubeque.clusters.kubernetes.pod_status import Pod
from kubeque.lazy_dataclass import dataclass

#: Seconds for which a snapshot is reused.
_FRESH_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class FleetSnapshot:
    """The objects of a fleet, as the API server returned them."""

    #: Time of the request, in seconds of the monotonic clock.
    at: float
    #: Kubernetes Jobs and pods of the consumers.
    jobs: list[dict[str, Any]]
    pods: list[dict[str, Any]]
    #: Kubernetes Jobs and pods of the keeper.
    keeper_jobs: list[dict[str, Any]] = field(default_factory=list)
    keeper_pods: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, at: float, jobs: Iterable[dict[str, Any]], pods: Iterable[dict[str, Any]]) -> FleetSnapshot:
        """Return the snapshot with all objects of a fleet, separated into consumers and keeper."""
        snapshot = cls(at, [], [])
        for things, consumers, keepers in (
            (jobs, snapshot.jobs, snapshot.keeper_jobs),
            (pods, snapshot.pods, snapshot.keeper_pods),
        ):
            for thing in things:
                (keepers if _class(thing) == KEEPER else consumers).append(thing)
        return snapshot

    def jobs_of(self, size_class: int) -> list[dict[str, Any]]:
        return [job for job in self.jobs if _class(job) == str(size_class)]

    def pods_of(self, size_class: int) -> list[dict[str, Any]]:
        return [pod for pod in self.pods if _class(pod) == str(size_class)]

    def replace(self, made: dict[str, Any]) -> None:
        """Add a Kubernetes Job of consumers to the snapshot, and remove an older version of this Kubernetes Job."""
        self.jobs[:] = [job for job in self.jobs if job["metadata"]["uid"] != made["metadata"]["uid"]] + [made]

    def pod(self, uid: str) -> Pod | None:
        """Return the consumer's pod with this uid; None if the snapshot does not contain it."""
        return next((pod for pod in self.pods if pod["metadata"]["uid"] == uid), None)


class Snapshots:
    """Snapshots of the fleets in one namespace. Each snapshot is reused for a short time."""

    def __init__(self, api: KubernetesApi, namespace: str) -> None:
        self._api, self._namespace = api, namespace
        self._known: dict[str, FleetSnapshot] = {}

    def of(self, fleet: str) -> FleetSnapshot:
        """Return a snapshot of a fleet. If the last snapshot is too old, request the fleet from the API server."""
        snapshot = self._known.get(fleet)
        if snapshot is None or time.monotonic() - snapshot.at > _FRESH_SECONDS:
            at, selector = time.monotonic(), f"{LABEL}/fleet={fleet}"
            jobs = self._api.list(path("jobs", self._namespace), labelSelector=selector)
            pods = self._api.list(path("pods", self._namespace), labelSelector=selector)
            snapshot = self._known[fleet] = FleetSnapshot.of(at, jobs, pods)
        return snapshot

    def forget(self, fleet: str) -> None:
        """Drop the snapshot of a fleet. The next call of `of` then requests a new snapshot."""
        self._known.pop(fleet, None)


def _class(thing: dict[str, Any]) -> str:
    return str(thing["metadata"]["labels"].get(f"{LABEL}/class", ""))
