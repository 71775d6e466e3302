"""Options of `kubeque sub` that are about pods, and what they come to."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from kubeque.model.errors import ResourceError, UserError

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--env-from-secret", multiple=True, metavar="NAME", help="Set variables from this Secret."),
    click.option("--gpu", type=int, help="GPUs per task."),
    click.option("--volume", "volumes", multiple=True, metavar="SOURCE:PATH[:ro]",
                 help="Mount pvc/NAME, secret/NAME, configmap/NAME or a folder of the node."),
    click.option("--service-account", metavar="NAME", help="Kubernetes service account of the pods."),
    click.option("--node-selector", multiple=True, metavar="LABEL=VALUE", help="Only nodes with this label."),
    click.option("--toleration", "tolerations", multiple=True, metavar="KEY=VALUE:EFFECT",
                 help="Nodes with this taint as well."),
    click.option("--spot", is_flag=True, default=None, help="Machines that may be taken away, for less money (GKE)."),
    click.option("--priority-class", metavar="NAME", help="PriorityClass of the pods."),
    click.option("--image-pull-secret", "image_pull_secrets", multiple=True, metavar="NAME",
                 help="Secret that opens a private registry."),
    click.option("--start-timeout", help="Longest until the first consumer runs (default: 10m)."),
    click.option("--pod-template", type=click.Path(), metavar="FILE", help="YAML merged over the pods' template."),
)  # fmt: skip
_KEYS = (
    "env_from_secret", "gpu", "volumes", "service_account", "node_selector", "tolerations", "spot", "priority_class",
    "image_pull_secrets", "start_timeout", "pod_template",
)  # fmt: skip


def pod_options(command: F) -> F:
    """Add these options to a command."""
    return functools.reduce(lambda inner, option: option(inner), reversed(_OPTIONS), command)


def read_pod(said: dict[str, Any]) -> dict[str, Any]:
    """What was said of them, as a sweep has it. Raises UserError."""
    found = {key: said[key] for key in _KEYS if said[key] not in (None, ())}
    if "node_selector" in found:
        found["node_selector"] = dict(_pair(text) for text in found["node_selector"])
    if "pod_template" in found:
        found["pod_template"] = _read_yaml(found["pod_template"])
    return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}


def _pair(text: str) -> tuple[str, str]:
    label, equals, value = text.partition("=")
    if not equals:
        raise ResourceError(f"--node-selector {text!r}: write LABEL=VALUE, as in disktype=ssd")
    return label, value


def _read_yaml(name: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise UserError("--pod-template needs a library: pip install 'kubeque[kubernetes]'") from error
    try:
        return yaml.safe_load(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"--pod-template {name}: {' '.join(str(error).split())}") from error
