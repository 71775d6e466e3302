"""Make the manifest of a consumer's pod: containers, environment, resources, volumes and tolerations."""

from __future__ import annotations

import re
from typing import Any

from kubeque.clusters.consumer_process import python_words
from kubeque.clusters.kubernetes.object_names import LABEL, TASK
from kubeque.lazy_dataclass import dataclass
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.quantities import MI
from kubeque.model.sweep.pod_options import PodOptions, Volume

#: Memory in bytes that a consumer needs in addition to its task.
CONSUMER_MEMORY = 128 * MI
#: Disk in bytes that a consumer needs in addition to its task, for software and logs.
CONSUMER_DISK = 256 * MI
#: Paths in a pod of the consumer's software and of the working files.
SOFTWARE, WORK = "/kubeque/software", "/kubeque/work"
#: Key of the label and the taint of spot machines on GKE.
SPOT = "cloud.google.com/gke-spot"
#: Seconds after which the pods of a dead node are replaced, counted from when the cluster marks the node as dead.
_UNREACHABLE_SECONDS = 30
#: Seconds after the grace period of the command in which a stopped consumer can record its results.
_LEAVE_SECONDS = 20
#: Pattern of the variables that affect loaders, Python interpreters and the consumer itself.
_ONLY_FOR_TASKS = re.compile(r"(PYTHON|LD_|KUBEQUE_).*")


@dataclass(frozen=True, slots=True)
class ManifestContext:
    """Values in a manifest that depend on the cluster and the queue, but not on the job."""

    namespace: str
    #: Image with the consumer's software.
    consumer_image: str
    #: URL of the queue without its password. If the URL has a password, pods read the complete URL from a Secret.
    queue_url: str
    #: Digest of the queue's URL without its password, used as a label of all objects of this queue.
    queue_digest: str
    #: True if the cluster can mount an image as a volume. Otherwise, an init container copies the software from the
    #: image.
    image_volumes: bool = False
    #: Service account of consumers if the job names no service account.
    service_account: str = ""


def pod_annotations(job: Job, options: PodOptions) -> dict[str, str]:
    """Return the annotations of a pod: the name of the job, and a protection from the autoscaler.

    Pods on spot machines have no protection.
    """
    kept = {f"{LABEL}/job": job.name}
    if not options.spot:  # the autoscaler must not evict a running task to remove its node
        kept["cluster-autoscaler.kubernetes.io/safe-to-evict"] = "false"
    return kept


def pod_spec(
    job: Job, spec: JobSpec, options: PodOptions, context: ManifestContext, size_class: int, queue_secret: str
) -> dict[str, Any]:
    """Return the spec of a consumer's pod.

    `queue_secret`: name of the Secret with the queue's URL; empty without a Secret.
    """
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
        pod["initContainers"] = [_copier(context, options)]
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
        "resources": _resources(spec, options, size_class), "volumeMounts": mounts,
        "securityContext": {**security_context(), **_user(options)},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }  # fmt: skip


def queue_env(context: ManifestContext, queue_secret: str) -> dict[str, Any]:
    """Return the environment variable with the queue's URL. `queue_secret`: name of its Secret; empty without one."""
    secret = {"valueFrom": {"secretKeyRef": {"name": queue_secret, "key": "url"}}}
    return {"name": "KUBEQUE_QUEUE_URL", **(secret if queue_secret else {"value": context.queue_url})}


def own_env(spec: JobSpec) -> list[dict[str, str]]:
    """Return the variables of the sweep for the container of kubeque's program.

    Variables that affect loaders, Python and kubeque are left out, because kubeque's program must not get them. The
    consumer later sets the omitted variables for the user's program.
    """
    return [{"name": k, "value": v} for k, v in sorted(spec.env.items()) if not _ONLY_FOR_TASKS.fullmatch(k)]


def _resources(spec: JobSpec, options: PodOptions, size_class: int) -> dict[str, Any]:
    """Return the resource requests and limits of a consumer's container.

    Memory and disk have equal requests and limits. So other pods cannot take the memory or disk of a task.
    """
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


def _copier(context: ManifestContext, options: PodOptions) -> dict[str, Any]:
    # If the user's template runs the pod as root, `runAsNonRoot` would prevent the start of the container.
    as_root = _template_user(options) == 0
    security = security_context() if as_root else {**security_context(), "runAsNonRoot": True}
    return {
        "name": "software", "image": context.consumer_image, "imagePullPolicy": "IfNotPresent",
        "command": [*python_words(""), "-m", "kubeque.consumer.install", SOFTWARE],
        "volumeMounts": [{"name": "software", "mountPath": SOFTWARE}], "securityContext": security,
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    }  # fmt: skip


def _template_user(options: PodOptions) -> Any:
    """Return the user id that the pod template sets for all containers; None if the template sets none."""
    spec = options.pod_template.get("spec") or {}
    return (spec.get("securityContext") or {}).get("runAsUser")


def _user(options: PodOptions) -> dict[str, Any]:
    return {"runAsUser": options.task_user, "runAsNonRoot": True} if options.task_user else {}


def security_context() -> dict[str, Any]:
    """Return a security context without capabilities and without privilege escalation."""
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def tolerations(options: PodOptions) -> list[dict[str, Any]]:
    """Return the tolerations of a pod. They permit tainted nodes, and limit the time on a dead node."""
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
    """Return the definition of a user's volume in a pod. `number`: makes the name of the volume unique."""
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
