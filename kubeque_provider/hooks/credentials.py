"""Logins for clusters and stores. They come from Airflow's connections to Kubernetes, Google and other clouds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kubeque.client import Access
from kubeque_provider.airflow_versions import open_file_system

__all__ = ["CONN_IDS", "Access", "StoreLogins", "make_access"]

_CLUSTERS = ("kubernetes_conn_id", "gcp_conn_id")
#: Keys of a kubeque connection that name other connections.
CONN_IDS = (*_CLUSTERS, "queue_conn_id", "store_conn_id")


class StoreLogins:
    """The Airflow connections for single buckets, for example for the bucket of `dest`.

    For these buckets, the login of `store_conn_id` is not used.
    """

    def __init__(self) -> None:
        self._by_bucket: dict[tuple[str, str], str] = {}

    def add(self, url: str, conn_id: str) -> None:
        """Use a connection for the bucket of a URL."""
        self._by_bucket[_bucket(url)] = conn_id

    def __bool__(self) -> bool:
        return bool(self._by_bucket)

    def find(self, url: str, default: str) -> str:
        """Return the id of the connection for the bucket of a URL; `default` if the bucket has no own connection."""
        return self._by_bucket.get(_bucket(url), default)


def make_access(values: Mapping[str, str], stores: StoreLogins | None = None) -> Access:
    """Return the logins for clusters and stores, from the Airflow connections that a kubeque connection names.

    Each login is opened when it is first needed. `values`: fields of the kubeque connection. `stores`: connections for
    single buckets.
    """
    kubernetes, google = (values.get(key, "").strip() for key in _CLUSTERS)
    return Access(
        kubernetes=(lambda: _kubernetes(kubernetes)) if kubernetes else None,
        google=(lambda: _google(google)) if google else None,
        store=_open_stores(values.get("store_conn_id", "").strip(), stores or StoreLogins()),
    )


def _open_stores(default: str, stores: StoreLogins) -> Callable[[str], Any] | None:
    """Return a function that takes a URL and returns its login; None if no store has a connection.

    For a URL without a connection, the function returns None, which means the default credentials. For most stores, the
    login is a file system object from the Airflow provider of the store. For Google, the login is the credentials,
    because the file system of Google's provider first asks by gRPC for the kind of each bucket.
    """

    def open_one(url: str) -> Any:
        conn_id = stores.find(url, default)
        if not conn_id:
            return None
        if _bucket(url)[0] in ("gs", "gcs"):
            return _google_store(conn_id)
        filesystem = open_file_system(_bucket(url)[0], conn_id)
        # A cached listing would hide files that other processes write.
        if (cache := getattr(filesystem, "dircache", None)) is not None:
            cache.use_listings_cache = False
            cache.clear()
        return filesystem

    return open_one if default or stores else None


def _bucket(url: str) -> tuple[str, str]:
    """Return the scheme and the bucket of a URL."""
    scheme, _, rest = url.partition("://")
    return scheme, rest.partition("/")[0]


def _kubernetes(conn_id: str) -> Any:
    from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook

    return KubernetesHook(conn_id=conn_id).get_conn()


def _google(conn_id: str) -> Any:
    from airflow.providers.google.common.hooks.base_google import GoogleBaseHook

    return GoogleBaseHook(gcp_conn_id=conn_id).get_credentials()


def _google_store(conn_id: str) -> dict[str, Any]:
    from airflow.providers.google.common.hooks.base_google import GoogleBaseHook

    hook = GoogleBaseHook(gcp_conn_id=conn_id)
    endpoint = hook.extras.get("gcs.endpoint")
    return {"token": hook.get_credentials(), **({"endpoint_url": endpoint} if endpoint else {})}
