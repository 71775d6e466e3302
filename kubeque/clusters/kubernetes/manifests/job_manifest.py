"""Make the manifest of a Kubernetes Job that runs consumers of one size class of a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kubeque.clusters.kubernetes.manifests.object_labels import make_annotations, make_labels
from kubeque.clusters.kubernetes.manifests.pod_manifest import ManifestContext, pod_annotations, pod_spec
from kubeque.clusters.kubernetes.manifests.pod_template import drop_containers, merge_template
from kubeque.clusters.kubernetes.object_names import (
    KEEPER,
    KUEUE,
    LABEL,
    MACHINES,
    ON_DEMAND,
    TASK,
    kubernetes_job_name,
)
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.sweep.pod_options import PodOptions

#: Back-off limit of an index: practically infinite, because the queue counts the attempts of a task.
_WITHOUT_END = 2**31 - 1
#: Seconds for which an ended Kubernetes Job is kept.
_FINISHED_SECONDS = 3600


def kubernetes_job(
    job: Job,
    spec: JobSpec,
    context: ManifestContext,
    *,
    size_class: int,
    generation: int,
    count: int,
    queue_secret: str = "",
    on_demand: bool = False,
) -> dict[str, Any]:
    """Return the manifest of a Kubernetes Job with `count` consumers of a size class.

    `queue_secret`: name of the Secret with the queue's URL; empty if the URL has no password. `on_demand`: True to use
    on-demand machines although the job requests spot machines.
    """
    options = PodOptions.read(spec.pod)
    if on_demand:
        options = replace(options, spot=False)
    template = {
        "metadata": {"labels": make_labels(job, size_class, context), "annotations": pod_annotations(job, options)},
        "spec": pod_spec(job, spec, options, context, size_class, queue_secret),
    }
    template = merge_template(template, drop_containers(options.pod_template, KEEPER), TASK)
    made = indexed_job(job, template, context, size_class=size_class, generation=generation, count=count)
    if on_demand:
        made["metadata"]["labels"][MACHINES] = ON_DEMAND
    made["metadata"]["labels"] |= kueue_labels(options)
    if options.kueue_queue and count > 1:
        made["metadata"]["annotations"] |= {  # if Kueue cannot admit all pods, some pods start
            f"{KUEUE}/job-min-parallelism": "1", f"{KUEUE}/job-completions-equal-parallelism": "true",
        }  # fmt: skip
    return made


def kueue_labels(options: PodOptions) -> dict[str, str]:
    """Return the labels that put a Kubernetes Job into a queue of Kueue."""
    wanted = {f"{KUEUE}/queue-name": options.kueue_queue, f"{KUEUE}/priority-class": options.kueue_priority}
    return {key: value for key, value in wanted.items() if value}


def indexed_job(
    job: Job,
    template: Mapping[str, Any],
    context: ManifestContext,
    *,
    size_class: int | str,
    generation: int,
    count: int,
) -> dict[str, Any]:
    """Return the manifest of a Kubernetes Job with `count` indexes.

    Kubernetes replaces the pod of an index until a pod of the index exits with 0.
    """
    all_labels = make_labels(job, size_class, context)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": kubernetes_job_name(job.fleet, size_class, generation), "namespace": context.namespace,
            "labels": {**all_labels, f"{LABEL}/generation": str(generation)}, "annotations": make_annotations(job),
        },
        "spec": {
            "completionMode": "Indexed", "completions": count, "parallelism": count,
            "backoffLimitPerIndex": _WITHOUT_END, "podReplacementPolicy": "TerminatingOrFailed",
            "ttlSecondsAfterFinished": _FINISHED_SECONDS, "template": template,
        },
    }  # fmt: skip


def url_secret(url: str, kubernetes_job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Secret with the queue's URL, `url`, for an existing Kubernetes Job, which owns the Secret."""
    meta = kubernetes_job["metadata"]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": meta["uid"]}
    return {
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "stringData": {"url": url},
        "metadata": {
            "name": meta["name"], "namespace": meta["namespace"], "labels": dict(meta["labels"]),
            "ownerReferences": [owner],
        },
    }  # fmt: skip
