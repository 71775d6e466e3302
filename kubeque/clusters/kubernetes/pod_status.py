"""Read the status of a pod from its API object: how its consumer died, or why the consumer does not run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from kubeque.clusters.base import ConsumerStatus
from kubeque.clusters.consumer_process import KILLED, TERMINATED
from kubeque.clusters.kubernetes.object_names import KEEPER, LABEL, TASK
from kubeque.model.job.causes import Cause, Death
from kubeque.model.job.eviction import Eviction
from kubeque.model.text import one_line

Pod = Mapping[str, Any]

#: Pattern of the kubelet's message about a pod that exceeds its own disk limit. Other evictions are due to other pods.
_OWN_FAULT = re.compile(
    r"exceeds the total limit of containers|exceeded its local ephemeral storage limit|EmptyDir volume"
)
#: Reasons of a waiting container that usually need a correction by a user: an image, or the container's configuration.
_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"})
_BROKEN = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
#: Seconds after the deadline of a pod's deletion. If the pod still exists after this time, its node is unreachable.
_GONE_SECONDS = 30.0


def seconds_of(stamp: str | None) -> float:
    """Return a Kubernetes timestamp as Unix seconds; 0 for None."""
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp() if stamp else 0.0


def is_live(pod: Pod) -> bool:
    """True if the pod runs or starts, and is not being deleted."""
    return pod["status"].get("phase") in ("Pending", "Running") and not pod["metadata"].get("deletionTimestamp")


def has_started(pod: Pod) -> bool:
    """True if the consumer of the pod runs or has run."""
    status = _container(pod)
    return any(
        status.get(key, {}).get("running") or status.get(key, {}).get("terminated") for key in ("state", "lastState")
    )


def is_starting(pod: Pod) -> bool:
    """True if an init container of the pod runs, for example to copy kubeque's software. Sidecars do not count."""
    return any(c.get("state", {}).get("running") for c in _init_containers(pod))


def _init_containers(pod: Pod) -> list[Mapping[str, Any]]:
    """Return the status of each init container that must end before the task's container starts."""
    spec = pod.get("spec", {}).get("initContainers") or []
    sidecars = {container["name"] for container in spec if container.get("restartPolicy") == "Always"}
    return [c for c in pod["status"].get("initContainerStatuses") or [] if c.get("name") not in sidecars]


def exit_code(pod: Pod) -> int | None:
    """Return the exit code of the pod's consumer; None if the consumer has not ended or the code is unknown."""
    code = _container(pod).get("state", {}).get("terminated", {}).get("exitCode")
    return int(code) if code is not None else None


def death_of(pod: Pod, now: float) -> Death | None:
    """Return how the consumer of a pod died; None if the consumer has not died. `now`: Unix time in seconds.

    The reason OOMKilled alone does not prove that the consumer was killed. Kubernetes also sets this reason if only a
    child process of the consumer was killed, and the consumer later exited with 0.
    """
    status, meta = pod["status"], pod["metadata"]
    ended = _container(pod).get("state", {}).get("terminated")
    running = _read_journal(ended.get("message", "")) if ended else None
    if status.get("phase") not in ("Failed", "Succeeded") and not ended:
        leaving = seconds_of(meta.get("deletionTimestamp"))
        if leaving and now > leaving + _GONE_SECONDS:
            where = pod["spec"].get("nodeName", "its node")
            return Death(Cause.PREEMPTED, None, f"{where} does not answer")
        return None
    code = ended.get("exitCode") if ended else None
    if status.get("reason") == "Evicted":
        said = " ".join(str(status.get("message", "")).split())
        return Death(Cause.DISK if _OWN_FAULT.search(said) else Cause.PREEMPTED, running, f"evicted: {said}")
    if _is_disrupted(status) or code == TERMINATED:
        return Death(Cause.PREEMPTED, running, "its pod was stopped")
    if ended and ended.get("reason") == "OOMKilled" and code == KILLED:
        return Death(Cause.OOM, running, "the whole container was killed for lack of memory")
    if code:
        return Death(
            Cause.LOST, running, f"its consumer ended with {code}: {last_words(pod) or ended.get('reason', '')}"
        )
    return Death(Cause.LOST, running, str(status.get("reason") or "its consumer ended"))


def hold_up(pod: Pod) -> str:
    """Return the reason why a pod does not run; empty if it runs, or if the reason is unknown."""
    status = pod["status"]
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return _scheduler_message(str(condition.get("message", condition.get("reason", ""))))
    for spec, container in _waiting(pod):
        reason, said = container.get("reason", ""), str(container.get("message", ""))
        if reason in _IMAGE:
            return f"the image {spec} cannot be pulled: {one_line(said) or reason}"
        if reason in _BROKEN:
            return f"a container cannot be created: {one_line(said) or reason}"
    return f"a consumer ended: {last_words(pod)}" if has_crashed(pod) else ""


def has_crashed(pod: Pod) -> bool:
    """True if the consumer or keeper of a pod ended with an error."""
    return pod["status"].get("phase") == "Failed" and bool(last_words(pod))


def owner_name(pod: Pod) -> str:
    """Return the name of the Kubernetes Job that owns a pod; empty without an owner."""
    owners = pod["metadata"].get("ownerReferences") or [{}]
    return str(owners[0].get("name", ""))


def waits_for_queue_secret(pod: Pod) -> bool:
    """True if the pod waits for the Secret with the queue's URL, which is created after the Kubernetes Job."""
    missing = f'secret "{owner_name(pod)}" not found'
    return any(missing in str(container.get("message", "")) for _, container in _waiting(pod))


def is_unschedulable(pod: Pod) -> bool:
    """True if the scheduler has found no node for the pod."""
    conditions = pod["status"].get("conditions") or []
    return is_live(pod) and any(
        c["type"] == "PodScheduled" and c["status"] == "False" and c.get("reason") == "Unschedulable"
        for c in conditions
    )


def resource_missing(message: str) -> str:
    """Return the resource that nodes lack according to a message of the scheduler; empty for any other message."""
    match = re.search(r"Insufficient ([\w./-]+?)[.,;]?(?:\s|$)", message)
    return match[1] if match else ""


def _scheduler_message(message: str) -> str:
    text = message.split(" preemption:")[0].strip()
    return f"no node takes the pod: {text}"


def _waiting(pod: Pod) -> Iterator[tuple[str, Mapping[str, Any]]]:
    status = pod["status"]
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        if waiting := container.get("state", {}).get("waiting"):
            yield container.get("image", ""), waiting


def _container(pod: Pod) -> Mapping[str, Any]:
    found = [c for c in pod["status"].get("containerStatuses") or [] if c.get("name") in (TASK, KEEPER)]
    return found[0] if found else {}


def _is_disrupted(status: Mapping[str, Any]) -> bool:
    conditions = status.get("conditions") or []
    disrupted = any(c["type"] == "DisruptionTarget" and c["status"] == "True" for c in conditions)
    return disrupted or status.get("reason") in ("Terminated", "NodeShutdown", "Shutdown", "NodeLost", "Preempting")


def _read_journal(message: str) -> int | None:
    """Return the index of the running task from the consumer's termination message; None without an index."""
    try:
        task = json.loads(message)
    except ValueError:
        return None
    index = task.get("index") if isinstance(task, dict) else None
    return index if isinstance(index, int) else None


def last_words(pod: Pod) -> str:
    """Return the error of the consumer, keeper or init container of a pod; empty if none of them failed.

    The error is the last line of the termination message. If a program wrote no message, Kubernetes uses the end of the
    program's log as the message.
    """
    for container in [*_init_containers(pod), _container(pod)]:
        ended = container.get("state", {}).get("terminated") or {}
        code, reason = ended.get("exitCode"), str(ended.get("reason", ""))
        lines = [line for line in str(ended.get("message", "")).splitlines() if line.strip()]
        said = one_line(lines[-1]) if lines and not lines[-1].startswith("{") else ""
        if reason in ("StartError", "ContainerCannotRun"):
            return said or reason
        if reason == "OOMKilled" and container.get("name") == KEEPER:
            return "it was killed for lack of memory"
        if code not in (None, 0, TERMINATED, KILLED):
            return said or f"exit code {code}"
    return ""


def lease_owner(pod: Pod) -> str:
    """Return the name that the consumer of a pod writes into its leases."""
    return f"pod:{pod['metadata']['name']}:{pod['metadata']['uid']}"


def consumers(pods: Iterable[Pod]) -> list[ConsumerStatus]:
    """Return the consumers of the live pods."""
    return [
        ConsumerStatus(lease_owner(pod), str(pod["status"].get("phase", "")).lower(), hold_up(pod))
        for pod in pods
        if is_live(pod)
    ]


def evictions(pods: Iterable[Pod], now: float) -> list[Eviction]:
    """Return the evictions of pods that exceeded their own disk limit. `now`: Unix time in seconds."""
    found: list[Eviction] = []
    for pod in pods:
        death = death_of(pod, now)
        if death is not None and death.cause is Cause.DISK:
            size_class = int(pod["metadata"]["labels"][f"{LABEL}/class"])
            found.append(Eviction(lease_owner(pod), size_class, death.running, death.message))
    return found
