"""The form of a connection of the type `kubeque`: the fields of Airflow, and the fields that are stored in Extra."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Label and description of each entry of Extra, keyed by the name of the entry. The keys of a `.kubeque` file come
#: first.
FIELDS: Mapping[str, tuple[str, str]] = {
    "queue_url": (
        "Queue URL",
        "sqlite:///FILE or datastore://PROJECT. For PostgreSQL, fill in Host or Queue connection instead. Write a"
        " password into the field Password, not into the URL",
    ),
    "queue_conn_id": ("Queue connection", "A connection of the type postgres whose database has the queue"),
    "default_url_prefix": ("URL prefix of results", "A folder or a URL such as gs://BUCKET/results"),
    "cas_url_prefix": ("URL prefix of input files", "Folder or URL for input files, which are stored by their content"),
    "store_conn_id": (
        "Store connection",
        "Login of Airflow tasks at the store, such as google_cloud_default or aws_default (default: the credentials of"
        " the Airflow worker). Consumers do not use this login",
    ),
    "cluster_url": (
        "Cluster URL",
        "Cluster of the consumers: local, kubernetes://CONTEXT/NAMESPACE, or gke://PROJECT/LOCATION/NAME",
    ),
    "kubernetes_conn_id": (
        "Kubernetes connection",
        "Login for kubernetes:// (default: the kubeconfig, or the pod's own account)",
    ),
    "gcp_conn_id": ("Google Cloud connection", "Login for gke:// (default: the default credentials)"),
    "project": ("Google Cloud project", "Project of the GKE cluster"),
    "cluster_name": ("Name of the GKE cluster", "Together with the project, sets the queue, the store and the cluster"),
    "location": ("Location of the GKE cluster", "A zone or a region, for example europe-west1"),
    "namespace": ("Kubernetes namespace", "Namespace of the consumers"),
    "service_account": ("Kubernetes service account", "Service account of the consumers"),
    "default_image": ("Image of the tasks", "Image of the pods that run tasks, for example python:3.12-slim"),
    "consumer_image": ("Image of the consumers", "Image that contains the consumer's software; pods copy the software"),
    "default_resource_cpu": ("CPU of a task", "Number of cores, for example 0.5 or 500m"),
    "default_resource_memory": ("Memory of a task", "For example 512Mi"),
    "default_resource_disk": ("Disk of a task", "For example 10Gi"),
    "consumers": ("Consumers of a job", "Number of consumers of a job"),
    "machine_type": ("Machine type", "Machine type of new nodes on GKE"),
    "node_disk_size": ("Disk of a node", "Boot disk of new nodes on GKE, for example 100Gi"),
    "local_ssd_count": ("Local SSDs of a node", "Number of local SSDs of new nodes on GKE"),
    "gpus": ("GPUs of this machine", "GPU devices for local consumers, for example 0,1 (default: all)"),
    "on_local": (
        "Options of pods on one machine",
        "tell: submit, and name the options without effect; refuse: submit nothing",
    ),
    "deployment": (
        "Name of this Airflow",
        "Distinguishes Airflows that share a queue (default: the Airflow Variable kubeque_deployment)",
    ),
}
#: Labels of Airflow's own fields. These fields describe a PostgreSQL server.
LABELS: Mapping[str, str] = {
    "host": "PostgreSQL host", "port": "PostgreSQL port", "schema": "PostgreSQL database", "login": "PostgreSQL user",
    "password": "PostgreSQL password",
}  # fmt: skip
PLACEHOLDERS: Mapping[str, str] = {
    "host": "host of the PostgreSQL that has the queue", "port": "5432", "schema": "name of the database",
}  # fmt: skip
#: Pattern of a queue URL without a password.
NO_PASSWORD = r"^(?![A-Za-z][A-Za-z0-9+.-]*:/{0,3}[^:/@\s]*:[^@]*@).*$"


def conn_fields() -> dict[str, Any]:
    """Return the fields of Extra in the format that `get_provider_info` returns to Airflow."""
    fields: dict[str, Any] = {
        name: {"label": label, "description": description, "schema": {"type": ["string", "null"]}}
        for name, (label, description) in FIELDS.items()
    }
    fields["queue_url"]["schema"]["pattern"] = NO_PASSWORD
    return fields
