"""Create the Secrets from which pods read the URL of the queue, if the URL contains a password."""

from __future__ import annotations

from typing import Any

from kubeque.clusters.kubernetes import pod_status, scaling
from kubeque.clusters.kubernetes.api import KubernetesApi, path
from kubeque.clusters.kubernetes.manifests.job_manifest import url_secret
from kubeque.clusters.kubernetes.reachability import has_password
from kubeque.clusters.kubernetes.snapshot import FleetSnapshot
from kubeque.model.config.config_file import hide_password


class QueueSecrets:
    """The Secrets of one queue in one namespace."""

    def __init__(self, api: KubernetesApi, namespace: str, queue_url: str) -> None:
        self._api = api
        self._namespace = namespace
        self._queue_url = queue_url

    def name_for(self, kubernetes_job_name: str) -> str:
        """Return the name of the Secret of a Kubernetes Job; empty if the URL of the queue contains no password."""
        return kubernetes_job_name if has_password(self._queue_url) else ""

    def check(self, kubernetes_job: dict[str, Any]) -> None:
        """Check that the API server would accept the Secret of a Kubernetes Job. Nothing is created.

        The request does not contain the password. Raises ClusterRefused.
        """
        trial = url_secret(hide_password(self._queue_url), kubernetes_job)
        self._api.create(path("secrets", self._namespace), trial, dryRun="All")

    def create(self, made: dict[str, Any]) -> None:
        """Create the Secret that the pods of the Kubernetes Job `made` need before they can start.

        The Kubernetes Job owns the Secret. So Kubernetes deletes the Secret together with its Kubernetes Job.
        """
        self._api.create(path("secrets", self._namespace), url_secret(self._queue_url, made))

    def restore(self, snapshot: FleetSnapshot) -> None:
        """Create the missing Secrets that pods of a fleet need before they can start.

        A Secret is missing if a program died after it created the Kubernetes Job, and before it created the Secret.
        """
        if not has_password(self._queue_url):
            return
        waiting = {
            pod_status.owner_name(pod)
            for pod in (*snapshot.pods, *snapshot.keeper_pods)
            if pod_status.waits_for_queue_secret(pod)
        }
        for job in (*snapshot.jobs, *snapshot.keeper_jobs):
            if job["metadata"]["name"] in waiting and not scaling.is_over(job):
                self.create(job)
