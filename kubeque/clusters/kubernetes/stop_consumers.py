"""Delete the Kubernetes Jobs of consumers and keepers."""

from __future__ import annotations

import time

from kubeque.clusters.kubernetes import pod_status
from kubeque.clusters.kubernetes.api import KubernetesApi, path

#: Maximum time to wait for the end of the keepers, seconds.
_KEEPER_SECONDS = 15.0


def stop_keepers(api: KubernetesApi, namespace: str, selector: str) -> None:
    """Delete the keepers that the label selector selects, and wait up to 15 seconds until they have ended.

    A live keeper would replace consumers that are deleted later.
    """
    delete_jobs(api, namespace, selector)
    end = time.monotonic() + _KEEPER_SECONDS
    while time.monotonic() < end:
        pods = api.list(path("pods", namespace), labelSelector=selector)
        if not any(map(pod_status.is_live, pods)):
            return
        time.sleep(0.2)


def delete_jobs(api: KubernetesApi, namespace: str, selector: str) -> None:
    """Delete the Kubernetes Jobs that the label selector selects. If none exists, send no request to delete."""
    if any(True for _ in api.list(path("jobs", namespace), labelSelector=selector)):
        api.delete(path("jobs", namespace), labelSelector=selector)
