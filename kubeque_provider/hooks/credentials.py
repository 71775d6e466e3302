"""Logins for clusters from Airflow's connections to Kubernetes and Google."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeque.client import Access

__all__ = ["LOGINS", "Access", "make_access"]

#: Keys of a kubeque connection that name other connections.
LOGINS = ("kubernetes_conn_id", "gcp_conn_id")


def make_access(values: Mapping[str, str]) -> Access:
    """Return the logins that the values of a connection specify. Each login is opened when it is first needed."""
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
