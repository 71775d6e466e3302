"""Compute the free amount of a resource on the nodes of a cluster. All functions are pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kubeque.model.quantities import format_bytes

_FACTORS = {
    "": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50,
}  # fmt: skip


def parse_quantity(text: str | int) -> float:
    """Return a Kubernetes quantity as a number; 0 if the text is not a quantity."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?(?:e\d+)?)([A-Za-z]*)", str(text))
    return float(match[1]) * _FACTORS.get(match[2], 0.0) if match else 0.0


def requested_amount(pod_spec: Mapping[str, Any], resource: str) -> float:
    """Return the amount of a resource that a pod reserves on its node."""

    def of(containers: Sequence[Mapping[str, Any]]) -> list[float]:
        found = [container.get("resources", {}) for container in containers]
        limits = [(r.get("limits") or {}).get(resource, 0) for r in found]
        return [
            parse_quantity((r.get("requests") or {}).get(resource, limit))
            for r, limit in zip(found, limits, strict=True)
        ]

    before = pod_spec.get("initContainers") or []
    sidecars = [container for container in before if container.get("restartPolicy") == "Always"]
    others = [container for container in before if container.get("restartPolicy") != "Always"]
    return max(sum(of([*pod_spec["containers"], *sidecars])), *of(others), 0.0)


def largest_free_amount(nodes: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]], resource: str) -> float:
    """Return the largest amount of a resource that is free on a single node."""
    left = {
        n["metadata"]["name"]: parse_quantity(n["status"].get("allocatable", {}).get(resource, 0))
        for n in nodes
        if not n["spec"].get("unschedulable")
    }
    for pod in pods:
        node = pod["spec"].get("nodeName")
        if node in left and pod["status"].get("phase") not in ("Succeeded", "Failed"):
            left[node] -= requested_amount(pod["spec"], resource)
    return max([0.0, *left.values()])


def format_amount(amount: float, resource: str) -> str:
    """Return an amount as readable text, for example `1.5Gi` of memory or `0.5` cores."""
    return format_bytes(amount) if resource in ("memory", "ephemeral-storage") else f"{amount:g}"
