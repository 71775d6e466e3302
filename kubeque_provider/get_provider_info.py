"""What Airflow learns about this provider without importing anything else of it."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description; `package-name` must be the name of the distribution."""
    return {
        "package-name": "kubeque",
        "name": "kubeque",
        "description": "Parameter sweeps as queues of tasks, on Kubernetes or on one machine.",
    }
