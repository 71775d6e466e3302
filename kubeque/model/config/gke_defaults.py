"""Default values of a configuration on GKE: queue, bucket, cluster, service account and image of a project."""

from __future__ import annotations

from kubeque import __version__


def gke_defaults(project: str, location: str, cluster_name: str, *, prefix: str, cluster_url: str) -> dict[str, str]:
    """Return the default values of a configuration on GKE, by key. Without a cluster name, return only the image.

    `prefix`, `cluster_url`: values of the keys `default_url_prefix` and `cluster_url`; empty if the user set none.
    """
    image = {"consumer_image": f"gcr.io/{project}/kubeque-consumer:{__version__}"}
    if not cluster_name:
        return image
    prefix = prefix or f"gs://{project}-kubeque/results"
    defaults = {
        "queue_url": f"datastore://{project}", "default_url_prefix": prefix, "cas_url_prefix": f"{prefix}/.cas",
        **image,
    }  # fmt: skip
    if cluster_url:
        return defaults
    url = f"gke://{project}/{location or '-'}/{cluster_name}"
    return {**defaults, "cluster_url": url, "service_account": "kubeque"}  # `kubeque start` creates this account
