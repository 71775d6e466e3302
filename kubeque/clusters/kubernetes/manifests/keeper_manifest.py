"""Make the manifest of the Kubernetes Job of a keeper: one small pod that runs the consumer image.

The pod has a separate service account with the permissions that docs/howto/kubernetes.md lists. For the queue and the
store, the keeper has the same login as the consumers.
"""

from __future__ import annotations

import json
from typing import Any

from kubeque.clusters.consumer_process import python_words
from kubeque.clusters.kubernetes.manifests.job_manifest import indexed_job, kueue_labels
from kubeque.clusters.kubernetes.manifests.object_labels import make_annotations, make_labels
from kubeque.clusters.kubernetes.manifests.pod_manifest import (
    SPOT,
    WORK,
    ManifestContext,
    mount,
    own_env,
    queue_env,
    security_context,
    tolerations,
    volume,
)
from kubeque.clusters.kubernetes.manifests.pod_template import drop_containers, merge_template
from kubeque.clusters.kubernetes.object_names import KEEPER, TASK
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.quantities import MI
from kubeque.model.sweep.pod_options import PodOptions, Volume

#: Service account of keepers.
ACCOUNT = "kubeque-keeper"
#: Memory of a keeper in bytes, and additional bytes for each task of the job, to write the table.
_MEMORY, _TASK_MEMORY = 320 * MI, 4096


def keeper_job(
    job: Job, spec: JobSpec, context: ManifestContext, *, generation: int, count: int, queue_secret: str = ""
) -> dict[str, Any]:
    """Return the Kubernetes Job of `count` keepers. A job can have several keepers at the same time.

    `queue_secret`: name of the Secret with the queue's URL; empty without a Secret.
    """
    options = PodOptions.read(spec.pod)
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "serviceAccountName": ACCOUNT,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "tolerations": [t for t in tolerations(options) if t.get("key") != SPOT],
        "containers": [_container(job, spec, options, context, queue_secret)],
        "volumes": [{"name": "work", "emptyDir": {}}, *(volume(at, given) for at, given in _volumes(options))],
    }
    more = {
        "nodeSelector": dict(options.node_selector), "priorityClassName": options.priority_class,
        "imagePullSecrets": [{"name": name} for name in options.image_pull_secrets],
    }  # fmt: skip
    template = {
        "metadata": {"labels": make_labels(job, KEEPER, context), "annotations": make_annotations(job)},
        "spec": pod | {key: value for key, value in more.items() if value},
    }
    template = merge_template(template, drop_containers(options.pod_template, TASK, "software"), KEEPER)
    made = indexed_job(job, template, context, size_class=KEEPER, generation=generation, count=count)
    made["metadata"]["labels"] |= kueue_labels(options)
    return made


def _volumes(options: PodOptions) -> list[tuple[int, Volume]]:
    """Return the user's volumes with their numbers. Volume claims are left out: some claims allow only one node."""
    return [(at, given) for at, given in enumerate(options.volumes) if given.kind != "pvc"]


def _container(
    job: Job, spec: JobSpec, options: PodOptions, context: ManifestContext, queue_secret: str
) -> dict[str, Any]:
    # Settings for new consumers, under their names in the file .kubeque.
    config = {"consumer_image": context.consumer_image, "service_account": context.service_account}
    words = [
        *python_words(""), "-m", "kubeque.jobs.keeper", f"--job={job.name}", "--uid", job.uid, "--cluster",
        spec.cluster, "--namespace", context.namespace, "--config", json.dumps({k: v for k, v in config.items() if v}),
    ]  # fmt: skip
    mounts = [mount(at, given) for at, given in _volumes(options)]
    memory = str(_MEMORY + _TASK_MEMORY * job.n)
    secrets = [{"secretRef": {"name": name}} for name in options.env_from_secret]
    return {
        "name": KEEPER, "image": context.consumer_image, "imagePullPolicy": "IfNotPresent", "command": words,
        "env": [*own_env(spec), queue_env(context, queue_secret), {"name": "HOME", "value": WORK}],
        **({"envFrom": secrets} if secrets else {}),
        "resources": {"requests": {"cpu": "50m", "memory": memory}, "limits": {"memory": memory}},
        "volumeMounts": [{"name": "work", "mountPath": WORK}, *mounts],
        "securityContext": {**security_context(), "readOnlyRootFilesystem": True, "runAsNonRoot": True},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }  # fmt: skip
