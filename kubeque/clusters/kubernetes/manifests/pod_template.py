"""Merge a user's pod template into the pod of a consumer or keeper. Values of the user take precedence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kubeque.model.errors import ResourceError

#: For each list of a pod, the key that identifies the members of the list.
_KEYS = {
    "containers": "name", "initContainers": "name", "volumes": "name", "env": "name", "imagePullSecrets": "name",
    "volumeMounts": "mountPath", "ports": "containerPort", "topologySpreadConstraints": "topologyKey",
}  # fmt: skip
#: Lists of a pod to which the members of the user's list are appended.
_ADDED = frozenset({"tolerations", "envFrom", "hostAliases"})
#: Keys of kubeque's containers that a template cannot change, and the reasons.
_OURS = {"command": "the program is the sweep's command", "args": "the program is the sweep's command"}
#: Pattern of the labels with which kubeque finds the pods of a job and of a queue.
_OWN_LABELS = re.compile(r"kubeque/.*|app\.kubernetes\.io/managed-by")


def merge_template(ours: dict[str, Any], theirs: Mapping[str, Any], task: str) -> dict[str, Any]:
    """Return the pod template `ours` of kubeque with the values of the user's template `theirs`.

    Members of lists are matched by a key such as their name. `task`: name of the container that runs the consumer or
    keeper. Raises ResourceError for a change that would break the program.
    """
    _check_labels(theirs)
    spec = theirs.get("spec") or {}
    if spec.get("restartPolicy", "Never") != "Never":
        raise ResourceError(
            "pod_template: restartPolicy must be Never, because a dead consumer gets a new pod: leave it out"
        )
    for kind in ("containers", "initContainers"):
        members = spec.get(kind, [])
        if not isinstance(members, list) or not all(isinstance(m, Mapping) and m.get("name") for m in members):
            raise ResourceError(
                f"pod_template: a member of {kind} has no name: add a name (the container of kubeque is {task!r})"
            )
        for member in members:
            for key, why in _OURS.items():
                if key in member and member["name"] in (task, "software"):
                    raise ResourceError(f"pod_template: the container {member['name']!r} must not set {key}: {why}")
    result: dict[str, Any] = _merge(ours, theirs)
    _move_sidecars(result["spec"], task)
    known = {volume["name"] for volume in result["spec"]["volumes"]}
    for container in [*result["spec"]["containers"], *result["spec"].get("initContainers", [])]:
        for mount in container.get("volumeMounts", []):
            if mount.get("name") not in known:
                raise ResourceError(
                    f"pod_template: the container {container['name']!r} mounts {mount.get('name')!r}, but the"
                    f" pod has no volume with this name: its volumes are {', '.join(sorted(known))}"
                )
    return result


def _move_sidecars(spec: dict[str, Any], task: str) -> None:
    """Turn each container except `task` into a Kubernetes sidecar: an init container that runs beside the task.

    Kubernetes ends a sidecar when the container `task` has ended. Any other container would keep the pod alive.
    Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
    """
    sidecars = [container for container in spec["containers"] if container["name"] != task]
    if sidecars:
        spec["containers"] = [container for container in spec["containers"] if container["name"] == task]
        spec["initContainers"] = [
            *spec.get("initContainers", []), *({"restartPolicy": "Always", **container} for container in sidecars)
        ]  # fmt: skip


def _check_labels(theirs: Mapping[str, Any]) -> None:
    """Raise ResourceError if a template sets a label of kubeque, because kubeque finds its pods by these labels."""
    meta = theirs.get("metadata")
    labels = meta.get("labels") if isinstance(meta, Mapping) else None
    for label in labels if isinstance(labels, Mapping) else ():
        if _OWN_LABELS.fullmatch(str(label)):
            raise ResourceError(f"pod_template: the label {label!r} marks the pods of kubeque: leave it out")


def drop_containers(theirs: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the template `theirs` without the containers `names`, which belong to a different kind of pod."""
    spec = dict(theirs.get("spec") or {})
    for kind in ("containers", "initContainers"):
        if isinstance(members := spec.get(kind), list):
            spec[kind] = [m for m in members if not (isinstance(m, Mapping) and m.get("name") in names)]
    return {**theirs, **({"spec": spec} if spec else {})}


def _merge(ours: Any, theirs: Any, name: str = "") -> Any:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return {**ours, **{key: _merge(ours.get(key), value, key) for key, value in theirs.items()}}
    if isinstance(ours, list) and isinstance(theirs, list):
        if name in _ADDED:
            return [*ours, *theirs]
        if name in _KEYS:
            return _by_key(ours, theirs, _KEYS[name])
    return theirs


def _by_key(ours: list[Any], theirs: list[Any], key: str) -> list[Any]:
    rest = {member[key]: member for member in theirs if isinstance(member, Mapping) and key in member}
    kept = [_merge(member, rest.pop(member.get(key), {})) for member in ours]
    return [*kept, *rest.values()]
