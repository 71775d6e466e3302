"""Check that a queue of Kueue exists, and find out why a Kubernetes Job waits in the queue.

The reason comes from the Workload, an object that Kueue creates for each Kubernetes Job
(kueue.sigs.k8s.io/docs/concepts).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from kubeque.clusters.kubernetes.api import KubernetesApi
from kubeque.clusters.kubernetes.object_names import KUEUE
from kubeque.model.errors import ClusterRefused, UserError
from kubeque.model.sweep.pod_options import PodOptions
from kubeque.model.text import one_line
from kubeque.model.wording import option

#: Name of the queue that Kueue uses for a Kubernetes Job without the name of a queue.
_DEFAULT_QUEUE = "default"


class Kueue:
    """Kueue in one namespace. An object that this account is not allowed to read counts as existing."""

    def __init__(self, api: KubernetesApi, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._version: str | None = None

    def check(self, options: PodOptions) -> None:
        """Raise UserError if the options of a job name a queue or priority class that does not exist.

        Such a job would wait forever. Also raise UserError if the cluster has no Kueue, or if a priority class has no
        queue: neither a queue in the options, nor a default queue in the namespace.
        """
        queue, priority = options.kueue_queue, options.kueue_priority
        if not queue and not priority:
            return
        if not self._find_version():
            given = option("kueue_queue" if queue else "kueue_priority")
            raise UserError(f"the cluster has no Kueue: leave out {given}, or install Kueue")
        if priority and not queue and not self._exists(self._local_queue(_DEFAULT_QUEUE)):
            raise UserError(f"{option('kueue_priority')} has no effect without {option('kueue_queue', 'NAME')}")
        if queue and not self._exists(self._local_queue(queue)):
            raise UserError(
                f"there is no LocalQueue {queue} in the namespace {self._namespace}: `kubectl get localqueues -n"
                f" {self._namespace}` lists the queues"
            )
        if priority and not self._exists(f"{self._group()}/workloadpriorityclasses/{quote(priority)}"):
            raise UserError(
                f"there is no WorkloadPriorityClass {priority}: `kubectl get workloadpriorityclasses` lists them"
            )

    def why_suspended(self, kubernetes_job: Mapping[str, Any]) -> str:
        """Return the reason why a suspended Kubernetes Job waits, with the message of Kueue if it can be read."""
        meta = kubernetes_job["metadata"]
        queue = (meta.get("labels") or {}).get(f"{KUEUE}/queue-name")
        where = f"it waits in the queue {queue} of Kueue" if queue else "its Kubernetes Job is suspended"
        if not queue and not self._find_version():
            return f'{where}: `kubectl patch job {meta["name"]} -p \'{{"spec":{{"suspend":false}}}}\'` continues it'
        try:
            workloads = self._api.list(f"{self._group()}/namespaces/{quote(self._namespace)}/workloads")
        except ClusterRefused:
            return f"{where}: this account may not list workloads, which have the reason"
        mine = [w for w in workloads if meta["uid"] in {o.get("uid") for o in w["metadata"].get("ownerReferences", [])}]
        if not mine:
            return f"{where}: Kueue has created no Workload for it; do its queue and its priority class exist?"
        return f"{where}: {_reason(mine[-1]) or 'no quota is reserved yet'}"

    def _find_version(self) -> str:
        """Return the preferred version of Kueue's API; empty if the cluster has no Kueue.

        The version is requested only once.
        """
        if self._version is None:
            found = self._api.find(f"/apis/{KUEUE}")
            self._version = str(found["preferredVersion"]["version"]) if found else ""
        return self._version

    def _group(self) -> str:
        return f"/apis/{KUEUE}/{self._find_version()}"

    def _local_queue(self, name: str) -> str:
        return f"{self._group()}/namespaces/{quote(self._namespace)}/localqueues/{quote(name)}"

    def _exists(self, where: str) -> bool:
        """True if an object exists, or if this account is not allowed to read it."""
        try:
            return self._api.find(where) is not None
        except ClusterRefused as error:
            if error.status != 403:
                raise
            return True


def _reason(workload: Mapping[str, Any]) -> str:
    """Return the reason why Kueue does not admit a Workload; empty if the Workload contains no reason."""
    if workload.get("spec", {}).get("active") is False:
        return "its Workload is deactivated"
    conditions = {c["type"]: c for c in workload.get("status", {}).get("conditions") or []}
    for kind in ("QuotaReserved", "Admitted"):
        if conditions.get(kind, {}).get("status") == "False" and (said := conditions[kind].get("message")):
            return one_line(str(said))
    return ""
