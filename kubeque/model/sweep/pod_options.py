"""The options of the pods in which the consumers of a job run, as one object with checked values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, fields
from typing import Any

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import ResourceError
from kubeque.model.quantities import parse_duration
from kubeque.model.suggestions import suggest
from kubeque.model.text import describe

#: Default number of seconds to wait for a spot machine, before consumers start on machines at the full price.
_SPOT_SECONDS = 300.0

#: Default time limit for the start of the first consumer of a job, seconds.
START_SECONDS = 600.0
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_LABEL = re.compile(r"([A-Za-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_KEEPERS = ("auto", "yes", "no")
_SOURCES = ("pvc", "secret", "configmap")
_VOLUME = re.compile(r"(?P<source>/[^:]*|[a-z]+/[^:/]+):(?P<path>/[^:]*[^:/])(?P<ro>:ro)?")


@dataclass(frozen=True, slots=True)
class Volume:
    """An existing volume, and the path of the volume in the container of a task."""

    #: Kind of the volume: "host" (a folder of the node), "pvc", "secret" or "configmap".
    kind: str
    #: Name of the volume; for "host", the path of the folder on the node.
    name: str
    #: Path in the container.
    path: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class PodOptions:
    """The options of the pods of a job. An empty value means the default of kubeque or of the cluster."""

    #: Names of Kubernetes Secrets. Their entries become environment variables of the consumer and of the tasks.
    env_from_secret: tuple[str, ...] = ()
    #: Number of GPUs of a task (nvidia.com/gpu).
    gpu: int = 0
    volumes: tuple[Volume, ...] = ()
    service_account: str = ""
    #: Labels that a node must have.
    node_selector: Mapping[str, str] = field(default_factory=dict)
    #: Tolerations in the form of a Kubernetes manifest.
    tolerations: tuple[Mapping[str, Any], ...] = ()
    #: True for spot machines. They cost less, but the cloud can take them away at any time.
    spot: bool = False
    #: Seconds to wait for a spot machine, before consumers start on machines at the full price.
    spot_patience: float = _SPOT_SECONDS
    #: Numeric id of the user that runs the tasks; 0 for the user of the image.
    task_user: int = 0
    priority_class: str = ""
    #: LocalQueue of Kueue in which the Kubernetes Jobs wait.
    kueue_queue: str = ""
    #: WorkloadPriorityClass of Kueue, for the priority of the Kubernetes Jobs in the LocalQueue.
    kueue_priority: str = ""
    #: Names of Kubernetes Secrets with logins for private image registries.
    image_pull_secrets: tuple[str, ...] = ()
    #: "yes" to start a keeper, "no" to start none, "auto" to start a keeper if the cluster allows it.
    keeper: str = "auto"
    #: Time limit for the start of the first consumer, seconds.
    start_timeout: float = START_SECONDS
    #: The parts `metadata` and `spec` of a pod template. They replace or extend the fields of kubeque's pods.
    pod_template: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> PodOptions:
        """Return the options of pods from a dict of a sweep or a spec. A value of None means the default.

        Raises ResourceError for an unknown name or an invalid value.
        """
        cls.check_names(options)
        return cls(**{key: _READERS[key](value, key) for key, value in options.items() if value is not None})

    @staticmethod
    def check_names(names: Iterable[Any]) -> None:
        """Raise ResourceError for a name that is not an option of pods. The message has the most similar option."""
        for name in names:
            if name not in _READERS:
                hint = suggest(str(name), _READERS, "pod options")
                raise ResourceError(f"unknown pod option {describe(name)}: {hint}")


def _names(value: Any, key: str) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Sequence):
        raise ResourceError(f"{key} {describe(value)}: give a list of names, for example ['database-login']")
    return tuple(_name(name, key) for name in names)


def _name(value: Any, key: str) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ResourceError(
            f"{key} {describe(value)}: write a Kubernetes name: a-z, 0-9 and -, for example database-login"
        )
    return value


def _count(value: Any, key: str) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or int(text) > 1000:
        raise ResourceError(f"{key} {describe(value)}: give a whole number of at least 0, for example {key}=1")
    return int(text)


def _user(value: Any, key: str) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or not 0 <= int(text) < 2**31:
        raise ResourceError(f"{key} {describe(value)}: give the number of a user, for example {key}=1000")
    return int(text)


def _flag(value: Any, key: str) -> bool:
    if not isinstance(value, bool):
        raise ResourceError(f"{key} {describe(value)}: give true or false")
    return value


def _keeper(value: Any, key: str) -> str:
    if value not in _KEEPERS:
        raise ResourceError(f"{key} {describe(value)}: write one of {', '.join(_KEEPERS)}")
    return str(value)


def _volumes(value: Any, key: str) -> tuple[Volume, ...]:
    texts = [value] if isinstance(value, str) else value
    return tuple(_volume(text, key) for text in texts)


def _volume(text: Any, key: str) -> Volume:
    match = _VOLUME.fullmatch(text) if isinstance(text, str) else None
    kind, _, name = match["source"].partition("/") if match else ("", "", "")
    if not match or (kind and kind not in _SOURCES) or "/../" in f"{match['source']}/":
        raise ResourceError(
            f"{key} {describe(text)}: write SOURCE:PATH or SOURCE:PATH:ro, where SOURCE is pvc/NAME, secret/NAME,"
            " configmap/NAME or a folder of the node, for example pvc/data:/data:ro"
        )
    return Volume(kind or "host", name if kind else match["source"], match["path"], match["ro"] is not None)


def _labels(value: Any, key: str) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ResourceError(f"{key} {describe(value)}: give pairs, for example {{'disktype': 'ssd'}}")
    for name, text in value.items():
        if not isinstance(name, str) or not _LABEL.fullmatch(name) or not isinstance(text, str) or len(text) > 63:
            raise ResourceError(f"{key} {name}={text}: write a label of a node and its value, for example disktype=ssd")
    return dict(value)


def _tolerations(value: Any, key: str) -> tuple[Mapping[str, Any], ...]:
    given = [value] if isinstance(value, str | Mapping) else value
    return tuple(dict(item) if isinstance(item, Mapping) else _toleration(item, key) for item in given)


def _toleration(text: Any, key: str) -> dict[str, str]:
    """Return the toleration for a taint in the form of kubectl: `key` or `key=value`, with or without `:Effect`.

    Raises ResourceError.
    """
    pair, _, effect = str(text).partition(":")
    name, equals, value = pair.partition("=")
    if not _LABEL.fullmatch(name) or effect not in ("", *_EFFECTS):
        raise ResourceError(
            f"{key} {describe(text)}: write a taint as kubectl does: KEY=VALUE:EFFECT, for example gpu=true:NoSchedule"
        )
    made = {"key": name, "operator": "Equal" if equals else "Exists"}
    return made | ({"value": value} if equals else {}) | ({"effect": effect} if effect else {})


def _template(value: Any, key: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or set(value) - {"apiVersion", "kind", "metadata", "spec"}:
        raise ResourceError(f"{key}: give a pod template with `metadata` and `spec`, for example {{'spec': {{...}}}}")
    parts = {part: value[part] for part in ("metadata", "spec") if value.get(part) is not None}
    for part, content in parts.items():
        if not isinstance(content, Mapping):
            raise ResourceError(f"{key}: its `{part}` is {describe(content)}: give a mapping")
    return parts


_READERS: Mapping[str, Callable[[Any, str], Any]] = {
    "env_from_secret": _names,
    "gpu": _count,
    "volumes": _volumes,
    "service_account": _name,
    "node_selector": _labels,
    "tolerations": _tolerations,
    "spot": _flag,
    "spot_patience": parse_duration,
    "task_user": _user,
    "priority_class": _name,
    "kueue_queue": _name,
    "kueue_priority": _name,
    "image_pull_secrets": _names,
    "keeper": _keeper,
    "start_timeout": parse_duration,
    "pod_template": _template,
}
assert set(_READERS) == {f.name for f in fields(PodOptions)}
