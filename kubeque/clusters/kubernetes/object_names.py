"""Names, labels and containers of the Kubernetes objects that kubeque creates."""

from __future__ import annotations

import hashlib
import re

from kubeque.model.job.job import new_uid

#: Name of the container with the user's image.
TASK = "task"
#: Name of a keeper's container, and value of its class label.
KEEPER = "keeper"
#: Prefix of the labels and annotations of kubeque.
LABEL = "kubeque"
#: Prefix of the labels and annotations of Kueue, and its API group.
KUEUE = "kueue.x-k8s.io"
#: Label and value that mark a stand-in: a Kubernetes Job on on-demand machines, although the job requests spot
#: machines.
MACHINES, ON_DEMAND = f"{LABEL}/machines", "on-demand"
MANAGED = {"app.kubernetes.io/managed-by": "kubeque"}


def fleet_name(job_name: str) -> str:
    """Return a new fleet name: a readable part from the name of the job, and a random part."""
    return f"{slug(job_name, 20)}-{new_uid()}"


def slug(text: str, most: int) -> str:
    """Return `text` as a valid part of a Kubernetes name, with at most `most` characters."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:most].strip("-") or "job"


def kubernetes_job_name(fleet: str, size_class: int | str, generation: int) -> str:
    """Return the name of a Kubernetes Job of consumers or of a keeper.

    The name is deterministic. If two processes create the same Kubernetes Job, the API server refuses the second
    request.
    """
    return f"kq-{fleet}-{size_class}-{generation}"


def fleet_of(pod_name: str) -> str | None:
    """Return the fleet of a consumer's pod, derived from the name of the pod; None for any other pod."""
    match = re.fullmatch(r"kq-(.+-[a-z2-9]{12})-\d+-\d+-\d+-[a-z0-9]{5}", pod_name)
    return match[1] if match else None


def queue_digest(queue_url: str) -> str:
    """Return the value of the queue label.

    `queue_url`: URL of the queue without the password, because labels are public.
    """
    return hashlib.sha256(queue_url.encode()).hexdigest()[:12]


def managed_selector() -> str:
    return ",".join(f"{key}={value}" for key, value in MANAGED.items())
