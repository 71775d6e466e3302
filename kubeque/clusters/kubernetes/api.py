"""Send requests to a Kubernetes API server. Objects are plain dicts, and errors are those of kubeque."""

from __future__ import annotations

import json
import os
import re
import tempfile
import threading
from collections.abc import Callable, Mapping, MutableSequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import ClusterRefused, ClusterUnavailable, ConfigError, MissingExtra
from kubeque.model.text import one_line
from kubeque.model.wording import option

#: Timeouts in seconds: for the connection and for the answer.
_PATIENCE = (5.0, 30.0)
#: Maximum number of objects in one answer to a list request.
_PAGE = 500
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
#: API paths of the kinds outside the core group.
_GROUPS = {"jobs": "/apis/batch/v1", "roles": _RBAC, "rolebindings": _RBAC}
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_EXTRA = "consumers on Kubernetes need a library: pip install 'kubeque[kubernetes]'"
#: Errors that the library raises for a file that is not a kubeconfig, besides errors of YAML.
_NO_KUBECONFIG = (OSError, ValueError, TypeError, AttributeError, LookupError)
_MERGE = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Address:
    """The address of an API server, and a login."""

    #: URL of the server, for example `https://10.0.0.1`.
    url: str
    #: CA certificate of the server, in PEM format.
    certificate: bytes
    #: Function that returns a token that is valid for at least some minutes.
    token: Callable[[], str]


class KubernetesApi:
    """One API server. Several threads may use one instance."""

    def __init__(self, client: Any, *, context: str, namespace: str) -> None:
        """Send no request. `client`: a kubernetes ApiClient, or a function that returns an ApiClient on first use."""
        self._client = client
        self._lock = threading.Lock()
        #: Name of the context in the kubeconfig; empty in a pod.
        self.context = context
        #: Namespace of the context.
        self.namespace = namespace

    @classmethod
    def connect(cls, context: str = "") -> KubernetesApi:
        """Return the API server of a context of the kubeconfig (default: the current context).

        Without a kubeconfig, use the service account of the pod in which this process runs. Raises ConfigError,
        MissingExtra.
        """
        try:
            from kubernetes import config
            from yaml import YAMLError
        except ImportError as error:
            raise MissingExtra(_EXTRA) from error
        unreadable = (YAMLError, *_NO_KUBECONFIG)
        try:
            contexts, current = config.list_kube_config_contexts()
        except config.ConfigException as error:
            if context or not _NAMESPACE_FILE.exists():
                raise ConfigError(
                    f"there is no kubeconfig: {one_line(error)}; set KUBECONFIG, or use {option('cluster', 'local')}"
                ) from error
            return cls.in_cluster()
        except unreadable as error:
            raise _unreadable(error) from error
        known = {item["name"]: item for item in contexts}
        if context and context not in known:
            raise ConfigError(f"the kubeconfig has no context {context!r}: use one of {', '.join(sorted(known))}")
        chosen = known[context] if context else current
        try:
            client = config.new_client_from_config(context=chosen["name"])
        except config.ConfigException as error:
            raise ConfigError(f"the context {chosen['name']!r} cannot be used: {one_line(error)}") from error
        except unreadable as error:
            raise _unreadable(error) from error
        return cls(client, context=chosen["name"], namespace=chosen["context"].get("namespace") or "default")

    @classmethod
    def in_cluster(cls) -> KubernetesApi:
        """Return the API server of the cluster in which this process runs as a pod. Use the pod's service account."""
        from kubernetes import client, config

        settings = client.Configuration()
        config.load_incluster_config(client_configuration=settings)
        return cls(client.ApiClient(settings), context="", namespace=_NAMESPACE_FILE.read_text().strip())

    @classmethod
    def at(cls, address: Callable[[], Address], *, context: str, namespace: str) -> KubernetesApi:
        """Return the API server at the address that `address` returns.

        `address` is called before the first request. The first request can raise MissingExtra.
        """
        return cls(lambda: _client_at(address()), context=context, namespace=namespace)

    def _connected(self) -> Any:
        with self._lock:
            if not hasattr(self._client, "call_api"):
                self._client = self._client()
            return self._client

    # ------------------------------------------------------------------ requests
    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Return the object at a path. Like all requests, raises ClusterRefused and ClusterUnavailable."""
        return self._request("GET", path, query)

    def find(self, path: str, **query: Any) -> dict[str, Any] | None:
        """Return the object at a path; None if it does not exist."""
        try:
            return self.get(path, **query)
        except ClusterRefused as error:
            if error.status == 404:
                return None
            raise

    def list(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Return all objects at a path, requested in pages."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.get(path, limit=_PAGE, **query)
            found += page.get("items") or []
            token = page["metadata"].get("continue")
            if not token:
                return found
            query["continue"] = token

    def create(
        self, path: str, body: Mapping[str, Any], *, warnings: MutableSequence[str] | None = None, **query: Any
    ) -> dict[str, Any] | None:
        """Create an object and return it; None if an object with this name exists.

        `warnings`: list to which the warnings of the API server are added.
        """
        try:
            return self._request("POST", path, query, body, warnings)
        except ClusterRefused as error:
            if error.status == 409:
                return None
            raise

    def patch(self, path: str, change: Mapping[str, Any]) -> dict[str, Any] | None:
        """Merge a change into an object, and return the object.

        Return None if the object does not exist, or if `change` contains a resource version that is not current.
        """
        try:
            return self._request("PATCH", path, {}, change)
        except ClusterRefused as error:
            if error.status in (404, 409):
                return None
            raise

    def delete(self, path: str, **query: Any) -> None:
        """Delete one object, or all objects that a label selector selects.

        Kubernetes also deletes the objects that a deleted object owns. A missing object is not an error.
        """
        try:
            self._request("DELETE", path, {"propagationPolicy": "Background", **query})
        except ClusterRefused as error:
            if error.status != 404:
                raise

    def _request(
        self,
        verb: str,
        path: str,
        query: Mapping[str, Any],
        body: Any = None,
        warnings: MutableSequence[str] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
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
        if warnings is not None:
            warnings.extend(map(_warning_text, answer.headers.getlist("Warning")))
        found = json.loads(answer.data)
        return found if isinstance(found, dict) else {}

    def _refused(self, verb: str, path: str, error: Any) -> ClusterRefused | ClusterUnavailable:
        try:
            message = json.loads(error.body)["message"]
        except (ValueError, KeyError, TypeError):
            message = str(error.body or error.reason)
        if error.status >= 500 or error.status == 429:
            return ClusterUnavailable(
                f"the cluster {self.context or 'here'} failed with status {error.status}: {one_line(message)}"
            )
        remedy = {
            401: ": log in again",
            403: ": ask your administrator for the permissions in docs/howto/kubernetes.md",
        }.get(error.status, "")
        return ClusterRefused(f"the cluster refused {verb} {path}: {one_line(message)}{remedy}", error.status)


def _warning_text(header: str) -> str:
    """Return the text of a `Warning` header (RFC 7234, section 5.5), for example `299 - "text"`."""
    match = re.fullmatch(r'\d{3} \S+ "(.*)"', header, re.DOTALL)
    return one_line(re.sub(r"\\(.)", r"\1", match[1]) if match else header)


def _unreadable(error: Exception) -> ConfigError:
    return ConfigError(
        f"the kubeconfig {os.environ.get('KUBECONFIG') or '~/.kube/config'} cannot be read ({type(error).__name__}:"
        f" {one_line(error, 200)}): repair it, set KUBECONFIG to another one, or use --cluster local"
    )


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
    # The library sends and refreshes a key only if a key is set.
    settings = client.Configuration(host=address.url, api_key={"authorization": ""})
    settings.ssl_ca_cert = authority.name  # an argument of the constructor only since version 36
    settings.refresh_api_key_hook = renew
    made = client.ApiClient(settings)
    made.authority = authority  # each new connection reads the file, so the client keeps the file
    return made


def path(kind: str, namespace: str, name: str = "") -> str:
    """Return the API path of all objects of a kind, for example `pods`; with `name`, the path of one object."""
    return f"{_GROUPS.get(kind, '/api/v1')}/namespaces/{quote(namespace)}/{kind}" + (f"/{quote(name)}" if name else "")
