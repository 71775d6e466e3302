"""Create the missing Kubernetes service accounts of consumers and keepers in a namespace on GKE.

If the user's account may not create them, the `Part` contains a kubectl command for an administrator.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

from kubeque.clusters.gke.project import Part
from kubeque.clusters.kubernetes.api import KubernetesApi, path
from kubeque.clusters.kubernetes.manifests.keeper_manifest import ACCOUNT as KEEPER
from kubeque.clusters.kubernetes.permissions import keeper_account, role
from kubeque.model.errors import ClusterRefused

#: Annotation of a Kubernetes service account that names its Google service account.
_IDENTITY = "iam.gke.io/gcp-service-account"
_NAMESPACES = "/api/v1/namespaces"

Manifest = dict[str, Any]


class Accounts:
    """The Kubernetes service accounts in one namespace."""

    def __init__(self, api: KubernetesApi, namespace: str, google: str) -> None:
        """Send no request. `google`: Google service account that consumers and keepers use."""
        self._api = api
        self._namespace = namespace
        self._google = google

    def consumers(self, name: str) -> Part:
        """Create the missing service account `name` of consumers. The account needs no permissions in the cluster."""
        return self._ensure_account("consumers", name, [])

    def keeper(self) -> Part:
        """Create the missing service account, Role and RoleBinding of keepers (see docs/howto/kubernetes.md)."""
        _, binding = keeper_account(self._namespace)
        return self._ensure_account("keeper", KEEPER, [role(), binding])

    def _ensure_account(self, what: str, name: str, more: list[Manifest]) -> Part:
        account = _object("v1", "ServiceAccount", name)
        account["metadata"]["annotations"] = {_IDENTITY: self._google}
        title = f"the Kubernetes service account {self._namespace}/{name} of {what}"
        try:
            if self._api.find(path("serviceaccounts", self._namespace, name)) is None:
                self._ensure_namespace()
            made = [self._ensure_object(manifest) for manifest in (account, *more)]
        except ClusterRefused as error:
            return Part(what, False, f"{title} ({error})", self._command([account, *more]))
        return Part(what, True, f"{title} is {'made' if any(made) else 'there'}")

    def _ensure_namespace(self) -> None:
        if self._api.find(f"{_NAMESPACES}/{self._namespace}") is None:
            self._api.create(_NAMESPACES, _object("v1", "Namespace", self._namespace))

    def _ensure_object(self, manifest: Manifest) -> bool:
        """Create a missing object, or add missing annotations to an existing one. Return True if it was created."""
        name = manifest["metadata"]["name"]
        where = path(f"{manifest['kind'].lower()}s", self._namespace)
        found = self._api.find(f"{where}/{name}")
        if found is None:
            self._api.create(where, manifest)
            return True
        wanted = manifest["metadata"].get("annotations", {})
        if wanted.items() - (found["metadata"].get("annotations") or {}).items():
            self._api.patch(f"{where}/{name}", {"metadata": {"annotations": wanted}})
        return False

    def _command(self, manifests: list[Manifest]) -> str:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        return f"echo {shlex.quote(text)} | kubectl -n {shlex.quote(self._namespace)} apply -f -"


def _object(version: str, kind: str, name: str) -> Manifest:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}}
