"""The one door to a Kubernetes API server: requests and answers as plain dicts, errors in words."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kubeque.model.errors import ClusterRefused, ClusterUnavailable, ConfigError, MissingExtra
from kubeque.model.text import one_line

#: Seconds to connect, and to answer.
_PATIENCE = (5.0, 30.0)
_PAGE = 500
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
#: Where objects are that are not of the core.
_GROUPS = {"jobs": "/apis/batch/v1", "roles": _RBAC, "rolebindings": _RBAC}
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_EXTRA = "consumers on Kubernetes need a library: pip install 'kubeque[kubernetes]'"
_MERGE = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Address:
    """Where an API server is, and how one logs in there."""

    #: As in `https://10.0.0.1`.
    url: str
    #: The certificate of its authority, PEM.
    certificate: bytes
    #: Makes a token that is good for some minutes at least.
    token: Callable[[], str]


class KubernetesApi:
    """One API server. Threads may share it."""

    def __init__(self, client: Any, *, context: str, namespace: str) -> None:
        """`client`: a kubernetes ApiClient, for whoever has one, or what makes one when it is first needed; else see
        `connect` and `at`."""
        self._client = client
        self._lock = threading.Lock()
        #: What the kubeconfig calls the cluster; empty inside of one.
        self.context = context
        #: The namespace of the context.
        self.namespace = namespace

    @classmethod
    def connect(cls, context: str = "") -> KubernetesApi:
        """By the kubeconfig file, in its current context unless one is named; without it by the pod's own account.

        Raises ConfigError, MissingExtra.
        """
        try:
            from kubernetes import config
        except ImportError as error:
            raise MissingExtra(_EXTRA) from error
        try:
            contexts, current = config.list_kube_config_contexts()
        except config.ConfigException as error:
            if context or not _NAMESPACE_FILE.exists():
                raise ConfigError(
                    f"no cluster is known: {one_line(error)}; set KUBECONFIG, or say --cluster local"
                ) from error
            return cls.in_cluster()
        known = {item["name"]: item for item in contexts}
        if context and context not in known:
            raise ConfigError(
                f"there is no context {context!r} in the kubeconfig: there are {', '.join(sorted(known))}"
            )
        chosen = known[context] if context else current
        try:
            client = config.new_client_from_config(context=chosen["name"])
        except config.ConfigException as error:
            raise ConfigError(f"the context {chosen['name']!r} cannot be used: {one_line(error)}") from error
        return cls(client, context=chosen["name"], namespace=chosen["context"].get("namespace") or "default")

    @classmethod
    def in_cluster(cls) -> KubernetesApi:
        """By the account of the pod that this runs in."""
        from kubernetes import client, config

        settings = client.Configuration()
        config.load_incluster_config(client_configuration=settings)
        return cls(client.ApiClient(settings), context="", namespace=_NAMESPACE_FILE.read_text().strip())

    @classmethod
    def at(cls, address: Callable[[], Address], *, context: str, namespace: str) -> KubernetesApi:
        """By an address that is asked for when it is first needed. Raises MissingExtra then."""
        return cls(lambda: _client_at(address()), context=context, namespace=namespace)

    def _connected(self) -> Any:
        with self._lock:
            if not hasattr(self._client, "call_api"):
                self._client = self._client()
            return self._client

    # ------------------------------------------------------------------ requests
    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """One object, or what else is at a path. Raises ClusterRefused, ClusterUnavailable, as all of these do."""
        return self._request("GET", path, query)

    def find(self, path: str, **query: Any) -> dict[str, Any] | None:
        """One object; None where it is not there."""
        try:
            return self.get(path, **query)
        except ClusterRefused as error:
            if error.status == 404:
                return None
            raise

    def list(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """All objects of a path, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.get(path, limit=_PAGE, **query)
            found += page.get("items") or []
            token = page["metadata"].get("continue")
            if not token:
                return found
            query["continue"] = token

    def create(self, path: str, body: Mapping[str, Any], **query: Any) -> dict[str, Any] | None:
        """Make an object; None where one of its name is there."""
        try:
            return self._request("POST", path, query, body)
        except ClusterRefused as error:
            if error.status == 409:
                return None
            raise

    def patch(self, path: str, change: Mapping[str, Any]) -> dict[str, Any] | None:
        """Merge a change into an object; None where it is gone, or another version than the change names."""
        try:
            return self._request("PATCH", path, {}, change)
        except ClusterRefused as error:
            if error.status in (404, 409):
                return None
            raise

    def delete(self, path: str, **query: Any) -> None:
        """Delete an object or, by a label selector, several; those that depend on it follow. Gone already: well."""
        try:
            self._request("DELETE", path, {"propagationPolicy": "Background", **query})
        except ClusterRefused as error:
            if error.status != 404:
                raise

    def _request(self, verb: str, path: str, query: Mapping[str, Any], body: Any = None) -> dict[str, Any]:
        client = self._connected()
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json", "Content-Type": _MERGE if verb == "PATCH" else "application/json"}
        try:
            answer = client.call_api(
                path, verb, query_params=list(query.items()), header_params=headers, body=body,
                auth_settings=["BearerToken"], _return_http_data_only=True, _preload_content=False,
                _request_timeout=_PATIENCE,
            )  # fmt: skip
        except ApiException as error:
            raise self._refused(verb, path, error) from error
        except HTTPError as error:
            raise ClusterUnavailable(
                f"the cluster {self.context or 'here'} does not answer: {one_line(error)}"
            ) from error
        found = json.loads(answer.data)
        return found if isinstance(found, dict) else {}

    def _refused(self, verb: str, path: str, error: Any) -> ClusterRefused | ClusterUnavailable:
        try:
            said = json.loads(error.body)["message"]
        except (ValueError, KeyError, TypeError):
            said = str(error.body or error.reason)
        if error.status >= 500 or error.status == 429:
            return ClusterUnavailable(
                f"the cluster {self.context or 'here'} is not well ({error.status}): {one_line(said)}"
            )
        remedy = {401: ": log in again", 403: ": ask for the rights in docs/howto/kubernetes.md"}.get(error.status, "")
        return ClusterRefused(f"the cluster refused {verb} {path}: {one_line(said)}{remedy}", error.status)


def _client_at(address: Address) -> Any:
    try:
        from kubernetes import client
    except ImportError as error:
        raise MissingExtra(_EXTRA) from error

    def renew(settings: Any) -> None:
        settings.api_key["authorization"] = f"Bearer {address.token()}"

    authority = tempfile.NamedTemporaryFile(prefix="kubeque-", suffix=".pem")  # noqa: SIM115
    authority.write(address.certificate)
    authority.flush()
    # Only a key that is there makes the library send one, and ask for a fresh one before it does.
    settings = client.Configuration(host=address.url, api_key={"authorization": ""})
    settings.ssl_ca_cert = authority.name  # an argument only since 36
    settings.refresh_api_key_hook = renew
    made = client.ApiClient(settings)
    made.authority = authority  # each new connection reads it, so it goes with the client
    return made


def path(kind: str, namespace: str, name: str = "") -> str:
    """Where objects of a kind are, as in `jobs` or `pods`."""
    return f"{_GROUPS.get(kind, '/api/v1')}/namespaces/{quote(namespace)}/{kind}" + (f"/{quote(name)}" if name else "")
