"""How one logs in to clusters: by Airflow's own connections to Kubernetes and to Google, through their hooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeque.client import Access

__all__ = ["LOGINS", "Access", "access"]

#: Keys of a kubeque connection that name other connections.
LOGINS = ("kubernetes_conn_id", "gcp_conn_id")


def access(values: Mapping[str, str]) -> Access:
    """The logins that the values of a connection name. Nobody is asked yet."""
    kubernetes, google = (values.get(key, "").strip() for key in LOGINS)
    return Access(
        kubernetes=(lambda: _kubernetes(kubernetes)) if kubernetes else None,
        google=(lambda: _google(google)) if google else None,
    )


def _kubernetes(conn_id: str) -> Any:
    from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook

    return KubernetesHook(conn_id=conn_id).get_conn()


def _google(conn_id: str) -> Any:
    from airflow.providers.google.common.hooks.base_google import GoogleBaseHook

    return GoogleBaseHook(gcp_conn_id=conn_id).get_credentials()
