"""Description of this provider. Airflow reads it without importing other modules of the provider."""

from __future__ import annotations

from typing import Any

_TEXT = ["string", "null"]
_FIELDS = {
    "queue_url": ("Queue URL", "Queue of tasks: sqlite:///FILE, postgresql://... or datastore://PROJECT"),
    "default_url_prefix": ("URL prefix of results", "A folder or a URL such as gs://BUCKET/results"),
    "cas_url_prefix": ("URL prefix of input files", "Folder or URL for input files, which are stored by their content"),
    "cluster_url": ("Cluster URL", "Cluster of the consumers: local, or gke://PROJECT/LOCATION/NAME"),
    "kubernetes_conn_id": (
        "Kubernetes connection",
        "Login for kubernetes:// (default: the kubeconfig, or the pod's own account)",
    ),
    "gcp_conn_id": ("Google Cloud connection", "Login for gke:// (default: the default credentials)"),
    "deployment": (
        "Name of this Airflow",
        "Distinguishes Airflows that share a queue (default: the Airflow Variable kubeque_deployment)",
    ),
}


def get_provider_info() -> dict[str, Any]:
    """Return the description of the provider. `package-name` must be the name of the distribution."""
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
