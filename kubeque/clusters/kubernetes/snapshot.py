"""A fleet at one moment: its Kubernetes Jobs and pods, separate from those of its keeper."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kubeque.clusters.kubernetes.job_manifest import KEEPER, LABEL
from kubeque.clusters.kubernetes.pod_status import Pod


@dataclass(frozen=True, slots=True)
class FleetSnapshot:
    """A fleet as the API server returned it."""

    #: Time of the request, monotonic seconds.
    at: float
    jobs: list[dict[str, Any]]
    pods: list[dict[str, Any]]
    #: The same for its keeper.
    keeper_jobs: list[dict[str, Any]] = field(default_factory=list)
    keeper_pods: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, at: float, jobs: Iterable[dict[str, Any]], pods: Iterable[dict[str, Any]]) -> FleetSnapshot:
        """Return the snapshot of objects that carry the fleet's label, sorted into consumers and keeper."""
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

    def pod(self, uid: str) -> Pod | None:
        """Return the pod with this uid, or None."""
        return next((pod for pod in self.pods if pod["metadata"]["uid"] == uid), None)


def _class(thing: dict[str, Any]) -> str:
    return str(thing["metadata"]["labels"].get(f"{LABEL}/class", ""))
