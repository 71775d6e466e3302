"""What Airflow learns about this provider without importing anything else of it."""

from __future__ import annotations

from typing import Any

_TEXT = ["string", "null"]
_FIELDS = {
    "queue_url": ("Queue URL", "Where tasks wait: sqlite:///FILE, postgresql://... or datastore://PROJECT"),
    "default_url_prefix": ("URL prefix of results", "A folder or a URL such as gs://BUCKET/results"),
    "cas_url_prefix": ("URL prefix of input files", "Where files that tasks need are kept, by their content"),
    "cluster_url": ("Cluster URL", "Where consumers run: local, or gke://PROJECT/LOCATION/NAME"),
    "kubernetes_conn_id": (
        "Kubernetes connection",
        "Logs in to kubernetes://; without one the kubeconfig, or the pod's own account",
    ),
    "gcp_conn_id": ("Google Cloud connection", "Logs in to gke://; without one the default credentials"),
    "deployment": ("Name of this Airflow", "Tells Airflows that share a queue apart; default: its address"),
}


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description; `package-name` must be the name of the distribution."""
    return {
        "package-name": "kubeque",
        "name": "kubeque",
        "description": "Parameter sweeps as queues of tasks, on Kubernetes or on one machine.",
        "connection-types": [
            {
                "connection-type": "kubeque",
                "hook-class-name": "kubeque_provider.hooks.kubeque.KubequeHook",
                "hook-name": "kubeque",
                "ui-field-behaviour": {
                    "hidden-fields": ["host", "port", "schema", "login", "password"],
                    "relabeling": {},
                    "placeholders": {},
                },
                "conn-fields": {
                    name: {"label": label, "description": description, "schema": {"type": _TEXT}}
                    for name, (label, description) in _FIELDS.items()
                },
            }
        ],
        "extra-links": [
            "kubeque_provider.links.sweep.KubequePageLink",
            "kubeque_provider.links.sweep.KubequeResultsLink",
            "kubeque_provider.links.sweep.KubequeReportLink",
        ],
        "task-decorators": [{"name": "kubeque", "class-name": "kubeque_provider.decorators.kubeque.kubeque_task"}],
        "triggers": [{"integration-name": "kubeque", "python-modules": ["kubeque_provider.triggers.sweep"]}],
    }
