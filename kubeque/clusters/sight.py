"""What was seen of a fleet at one moment: its Kubernetes Jobs and its pods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubeque.clusters.evidence import Pod
from kubeque.clusters.manifest import LABEL


@dataclass(frozen=True, slots=True)
class Sight:
    """A fleet as the API server showed it."""

    #: Own monotonic clock, seconds.
    at: float
    jobs: list[dict[str, Any]]
    pods: list[dict[str, Any]]

    def jobs_of(self, shape: int) -> list[dict[str, Any]]:
        return [job for job in self.jobs if _class(job) == str(shape)]

    def pods_of(self, shape: int) -> list[dict[str, Any]]:
        return [pod for pod in self.pods if _class(pod) == str(shape)]

    def pod(self, uid: str) -> Pod | None:
        """The pod of that uid, if it was there."""
        return next((pod for pod in self.pods if pod["metadata"]["uid"] == uid), None)


def _class(thing: dict[str, Any]) -> str:
    return str(thing["metadata"]["labels"].get(f"{LABEL}/class", ""))
