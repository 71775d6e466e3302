"""The Kubernetes Job in which the consumers of one class of a job run, as a manifest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kubeque.clusters.kubernetes.pod_template import drop_containers, merge_template
from kubeque.model.job.job import Job, new_uid
from kubeque.model.job.spec import JobSpec
from kubeque.model.resources import MI
from kubeque.model.sweep.pod_options import PodOptions, Volume

#: What a consumer needs beside the memory of its task, bytes.
CONSUMER_MEMORY = 128 * MI
#: What it needs beside the disk of its task: its software, its logs. Bytes.
CONSUMER_DISK = 256 * MI
#: The container that holds the user's image.
TASK = "task"
#: The container, and the class, of the pod that looks after a job.
KEEPER = "keeper"
#: Where the consumer's software and its working files are in a pod.
SOFTWARE, WORK = "/kubeque/software", "/kubeque/work"
LABEL = "kubeque"
KUEUE = "kueue.x-k8s.io"
#: Which machines the pods of a Kubernetes Job want, where they want others than the job asked for.
MACHINES, ON_DEMAND = f"{LABEL}/machines", "on-demand"
#: GKE's label, and taint, of machines that may be taken away.
SPOT = "cloud.google.com/gke-spot"
MANAGED = {"app.kubernetes.io/managed-by": "kubeque"}
#: As often as it takes: what a consumer's death costs a task is counted in the queue.
_WITHOUT_END = 2**31 - 1
#: A dead node's pods are replaced after so many seconds, beside the time in which the cluster notices.
_UNREACHABLE_SECONDS = 30
#: For a pod that must leave, beside the grace of its command: to record what has ended.
_LEAVE_SECONDS = 20
_FINISHED_SECONDS = 3600
_LIBRARIES = re.compile(r"(PYTHON|LD_).*")


@dataclass(frozen=True, slots=True)
class ManifestContext:
    """What of a manifest is the cluster's and the queue's, the same for all jobs."""

    namespace: str
    #: Image with the consumer's software.
    consumer_image: str
    #: The queue as a URL without password.
    queue_url: str
    #: Tells the objects of this queue from those of others.
    queue_digest: str
    #: Can an image be mounted as a volume here? Else its contents are copied by an init container.
    image_volumes: bool = False
    #: For pods whose options name none.
    service_account: str = ""


def fleet_name(job_name: str) -> str:
    """The fleet of a new job: readable, and no other job's."""
    return f"{slug(job_name, 20)}-{new_uid()}"


def slug(text: str, most: int) -> str:
    """`text` as part of a Kubernetes name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:most].strip("-") or "job"


def kubernetes_job_name(fleet: str, size_class: int | str, generation: int) -> str:
    """Deterministic, so that of two who start the same consumers one is refused."""
    return f"kq-{fleet}-{size_class}-{generation}"


def fleet_of(pod_name: str) -> str | None:
    """Whose pod it is, by its name; None where it is none of ours."""
    match = re.fullmatch(r"kq-(.+-[a-z2-9]{12})-\d+-\d+-\d+-[a-z0-9]{5}", pod_name)
    return match[1] if match else None


def labels(job: Job, size_class: int | str, context: ManifestContext) -> dict[str, str]:
    """By which all objects of a job are found."""
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
    """`count` consumers of the size class. `queue_secret`: the Secret that has the queue's URL with its password.
    `on_demand`: on machines that stay, although the job would rather have others."""
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
        made["metadata"]["annotations"] |= {  # fewer at once are better than none
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
    """A Kubernetes Job that keeps `count` pods until each has exited well, whatever befalls them."""
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


def url_secret(name: str, url: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The Secret with the queue's URL, for the Kubernetes Job `manifest`."""
    meta = manifest["metadata"]
    return {
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "stringData": {"url": url},
        "metadata": {"name": name, "namespace": meta["namespace"], "labels": dict(meta["labels"])},
    }  # fmt: skip


def owned_by(kubernetes_job: Mapping[str, Any]) -> dict[str, Any]:
    """A change that makes an object go with this Kubernetes Job."""
    meta = kubernetes_job["metadata"]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": meta["uid"]}
    return {"metadata": {"ownerReferences": [owner]}}


def _annotations(job: Job, options: PodOptions) -> dict[str, str]:
    kept = {f"{LABEL}/job": job.name}
    if not options.spot:  # An autoscaler shall not pack nodes tighter at the cost of what runs.
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


def python_words(root: str) -> list[str]:
    """How the consumer's Python is started where its folder is at `root`: with its own loader and libraries."""
    python = f"{root}/python/bin/python3"
    return [f"{root}/lib/ld.so", "--library-path", f"{root}/lib:{root}/python/lib", "--argv0", python, python, "-I"]


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
    """The variable that names the queue."""
    secret = {"valueFrom": {"secretKeyRef": {"name": queue_secret, "key": "url"}}}
    return {"name": "KUBEQUE_QUEUE_URL", **(secret if queue_secret else {"value": context.queue_url})}


def own_env(spec: JobSpec) -> list[dict[str, str]]:
    """The user's variables as far as they are for us too: what acts on loaders and Pythons is for the program alone."""
    return [{"name": k, "value": v} for k, v in sorted(spec.env.items()) if not _LIBRARIES.fullmatch(k)]


def _resources(spec: JobSpec, options: PodOptions, size_class: int) -> dict[str, Any]:
    """Memory and disk are asked for as much as they are limited, so that a neighbour's hunger is not ours."""
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
    """A container that may do nothing which its user may not."""
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def tolerations(options: PodOptions) -> list[dict[str, Any]]:
    """The nodes that a pod goes to although they are tainted, and for how long it stays on a dead one."""
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
    """A volume of the user's as the pod has it."""
    sources: dict[str, dict[str, Any]] = {
        "host": {"hostPath": {"path": given.name}},
        "pvc": {"persistentVolumeClaim": {"claimName": given.name, "readOnly": given.read_only}},
        "secret": {"secret": {"secretName": given.name}},
        "configmap": {"configMap": {"name": given.name}},
    }
    return {"name": f"volume-{number}", **sources[given.kind]}


def mount(number: int, given: Volume) -> dict[str, Any]:
    """Where a container has it."""
    return {"name": f"volume-{number}", "mountPath": given.path, "readOnly": given.read_only}
