"""Description of this provider. Airflow reads it without importing other modules of the provider."""

from __future__ import annotations

from typing import Any

from kubeque_provider.forms.connection import LABELS, PLACEHOLDERS, conn_fields

_NAME = "kubeque"
#: Paths of the guides in the source archive.
_GUIDES = ("docs/howto/airflow.md", "docs/operators.md", "docs/howto/composer.md", "docs/howto/gke.md")
_LOG_INTERVAL = {
    "description": (
        "Shortest time in seconds between two lines about the progress of a sweep in the log of an Airflow task."
    ),
    "version_added": "0.3.0",
    "type": "float",
    "example": "300",
    "default": "60",
}


def _modules(*names: str) -> list[dict[str, Any]]:
    return [{"integration-name": _NAME, "python-modules": [f"kubeque_provider.{name}" for name in names]}]


def get_provider_info() -> dict[str, Any]:
    """Return the description of the provider. `package-name` must be the name of the distribution."""
    return {
        "package-name": "kubeque",
        "name": "kubeque",
        "description": "Parameter sweeps as queues of tasks, on Kubernetes or on one machine.",
        "integrations": [
            {
                "integration-name": _NAME,
                "how-to-guide": list(_GUIDES),
                "logo": "docs/images/logo.svg",
                "tags": ["software"],
            }
        ],
        "operators": _modules(
            "operators.submit",
            "operators.go",
            "operators.fetch",
            "operators.collect",
            "operators.reset",
            "operators.kill",
            "operators.remove",
            "operators.cluster",
            "task_groups.sweep",
        ),
        "sensors": _modules("sensors.job"),
        "hooks": _modules("hooks.kubeque"),
        "plugins": [{"name": "kubeque", "plugin-class": "kubeque_provider.plugins.sweeps.KubequePlugin"}],
        "config": {"kubeque": {"description": "Sweeps of kubeque.", "options": {"log_interval": _LOG_INTERVAL}}},
        "connection-types": [
            {
                "connection-type": "kubeque",
                "hook-class-name": "kubeque_provider.hooks.kubeque.KubequeHook",
                "hook-name": "kubeque",
                "ui-field-behaviour": {
                    "hidden-fields": [],
                    "relabeling": dict(LABELS),
                    "placeholders": dict(PLACEHOLDERS),
                },
                "conn-fields": conn_fields(),
            }
        ],
        "extra-links": [
            "kubeque_provider.links.sweep.KubequePageLink",
            "kubeque_provider.links.sweep.KubequeResultsLink",
            "kubeque_provider.links.sweep.KubequeReportLink",
        ],
        "task-decorators": [{"name": "kubeque", "class-name": "kubeque_provider.decorators.kubeque.kubeque_task"}],
        "triggers": _modules("triggers.sweep"),
    }
