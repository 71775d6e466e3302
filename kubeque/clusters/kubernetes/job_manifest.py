"""Manifest of the Kubernetes Job that runs the consumers of one size class of a job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kubeque.clusters.consumer_process import python_words
from kubeque.clusters.kubernetes.pod_template import drop_containers, merge_template
from kubeque.model.job.job import Job, new_uid
from kubeque.model.job.spec import JobSpec
from kubeque.model.resources import MI
from kubeque.model.sweep.pod_options import PodOptions, Volume

#: Memory of a consumer beside that of its task, bytes.
CONSUMER_MEMORY = 128 * MI
#: Disk of a consumer beside that of its task, for software and logs, bytes.
CONSUMER_DISK = 256 * MI
#: Container with the user's image.
TASK = "task"
#: Container and class label of a keeper.
KEEPER = "keeper"
#: Paths of the consumer's software and of its working files in a pod.
SOFTWARE, WORK = "/kubeque/software", "/kubeque/work"
LABEL = "kubeque"
KUEUE = "kueue.x-k8s.io"
#: Label of a Kubernetes Job whose pods run on machines that differ from the job's options, and its value.
MACHINES, ON_DEMAND = f"{LABEL}/machines", "on-demand"
#: Label and taint of spot machines on GKE.
SPOT = "cloud.google.com/gke-spot"
MANAGED = {"app.kubernetes.io/managed-by": "kubeque"}
#: Back-off limit: none, because the queue counts the attempts of a task.
_WITHOUT_END = 2**31 - 1
#: Seconds until pods of a dead node are replaced, once the cluster has noticed its death.
_UNREACHABLE_SECONDS = 30
#: Seconds beside the grace period of the command for a consumer that leaves to record its results.
_LEAVE_SECONDS = 20
#: Seconds that an ended Kubernetes Job is kept.
_FINISHED_SECONDS = 3600
#: Variables that affect loaders and Python interpreters.
_LIBRARIES = re.compile(r"(PYTHON|LD_).*")


@dataclass(frozen=True, slots=True)
class ManifestContext:
    """Values of a manifest that depend on cluster and queue, the same for all jobs."""

    namespace: str
    #: Image with the consumer's software.
    consumer_image: str
    #: The queue as a URL without password.
    queue_url: str
    #: Digest of the queue's URL, which labels the objects of this queue.
    queue_digest: str
    #: True if the cluster can mount an image as a volume; else an init container copies its contents.
    image_volumes: bool = False
    #: Service account of pods whose options name none.
    service_account: str = ""


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


def labels(job: Job, size_class: int | str, context: ManifestContext) -> dict[str, str]:
    """Return the labels of all objects of a job and size class."""
    return {
        **MANAGED, "app.kubernetes.io/name": "kubeque-consumer", f"{LABEL}/fleet": job.fleet,
        f"{LABEL}/class": str(size_class), f"{LABEL}/job": slug(job.name, 63), f"{LABEL}/queue": context.queue_digest,
    }  # fmt: skip


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
    """Return the Kubernetes Job of `count` consumers of a size class.

    `queue_secret`: name of the Secret with the queue's URL, if that has a password. `on_demand`: use on-demand machines
    in place of the spot machines that the job requests.
    """
    options = PodOptions.read(spec.pod)
    if on_demand:
        options = replace(options, spot=False)
    template = {
        "metadata": {"labels": labels(job, size_class, context), "annotations": _annotations(job, options)},
        "spec": _pod(job, spec, options, context, size_class, queue_secret),
    }
    template = merge_template(template, drop_containers(options.pod_template, KEEPER), TASK)
    made = indexed_job(job, template, context, size_class=size_class, generation=generation, count=count)
    if on_demand:
        made["metadata"]["labels"][MACHINES] = ON_DEMAND
    if options.kueue_priority:
        made["metadata"]["labels"][f"{KUEUE}/priority-class"] = options.kueue_priority
    if options.kueue_queue:
        made["metadata"]["labels"][f"{KUEUE}/queue-name"] = options.kueue_queue
        made["metadata"]["annotations"] |= {  # start some if Kueue cannot admit all
            f"{KUEUE}/job-min-parallelism": "1", f"{KUEUE}/job-completions-equal-parallelism": "true",
        }  # fmt: skip
    return made


def indexed_job(
    job: Job,
    template: Mapping[str, Any],
    context: ManifestContext,
    *,
    size_class: int | str,
    generation: int,
    count: int,
) -> dict[str, Any]:
    """Return a Kubernetes Job that replaces its `count` pods until each has exited with 0."""
    all_labels = labels(job, size_class, context)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": kubernetes_job_name(job.fleet, size_class, generation), "namespace": context.namespace,
            "labels": {**all_labels, f"{LABEL}/generation": str(generation)}, "annotations": {f"{LABEL}/job": job.name},
        },
        "spec": {
            "completionMode": "Indexed", "completions": count, "parallelism": count,
            "backoffLimitPerIndex": _WITHOUT_END, "podReplacementPolicy": "TerminatingOrFailed",
            "ttlSecondsAfterFinished": _FINISHED_SECONDS, "template": template,
        },
    }  # fmt: skip


def url_secret(url: str, kubernetes_job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Secret with the queue's URL for an existing Kubernetes Job, which owns it."""
    meta = kubernetes_job["metadata"]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": meta["uid"]}
    return {
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "stringData": {"url": url},
        "metadata": {
            "name": meta["name"], "namespace": meta["namespace"], "labels": dict(meta["labels"]),
            "ownerReferences": [owner],
        },
    }  # fmt: skip


def _annotations(job: Job, options: PodOptions) -> dict[str, str]:
    kept = {f"{LABEL}/job": job.name}
    if not options.spot:  # The autoscaler must not evict a running task to save a node.
        kept["cluster-autoscaler.kubernetes.io/safe-to-evict"] = "false"
    return kept


def _pod(
    job: Job, spec: JobSpec, options: PodOptions, context: ManifestContext, size_class: int, queue_secret: str
) -> dict[str, Any]:
    software: dict[str, Any] = {"name": "software", "emptyDir": {}}
    if context.image_volumes:
        software = {"name": "software", "image": {"reference": context.consumer_image, "pullPolicy": "IfNotPresent"}}
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": int(spec.grace_seconds) + _LEAVE_SECONDS,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "tolerations": tolerations(options),
        "containers": [_task(job, spec, options, context, size_class, queue_secret)],
        "volumes": [software, {"name": "work", "emptyDir": {}}, *map(volume, range(99), options.volumes)],
    }
    if not context.image_volumes:
        pod["initContainers"] = [_copier(context)]
    selector = {**options.node_selector, **({SPOT: "true"} if options.spot else {})}
    more = {
        "serviceAccountName": options.service_account or context.service_account, "nodeSelector": selector,
        "priorityClassName": options.priority_class,
        "imagePullSecrets": [{"name": name} for name in options.image_pull_secrets],
    }  # fmt: skip
    return pod | {key: value for key, value in more.items() if value}


def _task(
    job: Job, spec: JobSpec, options: PodOptions, context: ManifestContext, size_class: int, queue_secret: str
) -> dict[str, Any]:
    env = [
        queue_env(context, queue_secret),
        {"name": "KUBEQUE_POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "KUBEQUE_POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
        *(
            [{"name": "KUBEQUE_HOST_IPC", "value": "1"}]
            if (options.pod_template.get("spec") or {}).get("hostIPC")
            else []
        ),
        *own_env(spec),
    ]
    mounts = [
        {"name": "software", "mountPath": SOFTWARE, "readOnly": True},
        {"name": "work", "mountPath": WORK},
        *(mount(at, given) for at, given in enumerate(options.volumes)),
    ]
    words = [
        *python_words(SOFTWARE),
        "-m",
        "kubeque.consumer",
        "--fleet",
        job.fleet,
        "--shape",
        str(size_class),
        "--work",
        WORK,
    ]
    secrets = [{"secretRef": {"name": name}} for name in options.env_from_secret]
    return {
        "name": TASK, "image": spec.image, "imagePullPolicy": "IfNotPresent", "command": words, "env": env,
        **({"envFrom": secrets} if secrets else {}),
        "resources": _resources(spec, options, size_class), "volumeMounts": mounts, "securityContext": locked(),
        "terminationMessagePath": "/dev/termination-log",
    }  # fmt: skip


def queue_env(context: ManifestContext, queue_secret: str) -> dict[str, Any]:
    """Return the variable with the queue's URL."""
    secret = {"valueFrom": {"secretKeyRef": {"name": queue_secret, "key": "url"}}}
    return {"name": "KUBEQUE_QUEUE_URL", **(secret if queue_secret else {"value": context.queue_url})}


def own_env(spec: JobSpec) -> list[dict[str, str]]:
    """Return the user's variables without those that affect loaders and Python, which only the program gets."""
    return [{"name": k, "value": v} for k, v in sorted(spec.env.items()) if not _LIBRARIES.fullmatch(k)]


def _resources(spec: JobSpec, options: PodOptions, size_class: int) -> dict[str, Any]:
    """Return requests and limits. They are equal for memory and disk, so that other pods cannot take either."""
    shape = spec.shapes[size_class]
    both: dict[str, str] = {}
    if shape.memory is not None:
        both["memory"] = str(shape.memory + CONSUMER_MEMORY)
    if shape.disk is not None:
        both["ephemeral-storage"] = str(shape.disk + CONSUMER_DISK)
    cpu = {"cpu": f"{round(spec.cpu * 1000)}m"} if spec.cpu is not None else {}
    gpu = {"nvidia.com/gpu": str(options.gpu)} if options.gpu else {}
    found = {"requests": cpu | both | gpu, "limits": both | gpu}
    return {key: value for key, value in found.items() if value}


def _copier(context: ManifestContext) -> dict[str, Any]:
    return {
        "name": "software", "image": context.consumer_image, "imagePullPolicy": "IfNotPresent",
        "command": [*python_words(""), "-m", "kubeque.consumer.install", SOFTWARE],
        "volumeMounts": [{"name": "software", "mountPath": SOFTWARE}], "securityContext": locked(),
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    }  # fmt: skip


def locked() -> dict[str, Any]:
    """Return a security context without capabilities and privilege escalation."""
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def tolerations(options: PodOptions) -> list[dict[str, Any]]:
    """Return the tolerations for tainted nodes, and those that limit how long a pod stays on a dead node."""
    dead = [
        {
            "key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoExecute",
            "tolerationSeconds": _UNREACHABLE_SECONDS,
        }
        for what in ("not-ready", "unreachable")
    ]  # fmt: skip
    spot = [{"key": SPOT, "operator": "Equal", "value": "true", "effect": "NoSchedule"}]
    return [*dead, *map(dict, options.tolerations), *(spot if options.spot else [])]


def volume(number: int, given: Volume) -> dict[str, Any]:
    """Return a user's volume for the pod."""
    sources: dict[str, dict[str, Any]] = {
        "host": {"hostPath": {"path": given.name}},
        "pvc": {"persistentVolumeClaim": {"claimName": given.name, "readOnly": given.read_only}},
        "secret": {"secret": {"secretName": given.name}},
        "configmap": {"configMap": {"name": given.name}},
    }
    return {"name": f"volume-{number}", **sources[given.kind]}


def mount(number: int, given: Volume) -> dict[str, Any]:
    """Return the mount of a user's volume in a container."""
    return {"name": f"volume-{number}", "mountPath": given.path, "readOnly": given.read_only}
