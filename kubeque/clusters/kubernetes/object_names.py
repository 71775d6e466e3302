"""Names, labels and containers of the Kubernetes objects that kubeque creates."""

from __future__ import annotations

import re

from kubeque.model.job.job import new_uid

#: Container with the user's image.
TASK = "task"
#: Container and class label of a keeper.
KEEPER = "keeper"
LABEL = "kubeque"
#: Label of a Kubernetes Job whose pods run on machines that differ from the job's options, and its value.
MACHINES, ON_DEMAND = f"{LABEL}/machines", "on-demand"
MANAGED = {"app.kubernetes.io/managed-by": "kubeque"}


def fleet_name(job_name: str) -> str:
    """Return a readable and unique fleet name for a new job."""
    return f"{slug(job_name, 20)}-{new_uid()}"


def slug(text: str, most: int) -> str:
    """Return `text` as part of a Kubernetes name, of at most `most` characters."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:most].strip("-") or "job"


def kubernetes_job_name(fleet: str, size_class: int | str, generation: int) -> str:
    """Return the name of a Kubernetes Job. It is deterministic: if two processes create the same Job, the server
    refuses one."""
    return f"kq-{fleet}-{size_class}-{generation}"


def fleet_of(pod_name: str) -> str | None:
    """Return the fleet of a consumer's pod from its name; None for any other pod."""
    match = re.fullmatch(r"kq-(.+-[a-z2-9]{12})-\d+-\d+-\d+-[a-z0-9]{5}", pod_name)
    return match[1] if match else None
