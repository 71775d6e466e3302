"""The Kubernetes accounts that consumers and keepers have in a namespace on GKE; they are made where they are missing.

Where this account may not, the command is named that somebody else may run: kubectl with what would have been made.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

from kubeque.clusters.gke.project import Part
from kubeque.clusters.kubernetes.api import KubernetesApi, path
from kubeque.clusters.kubernetes.keeper_manifest import ACCOUNT as KEEPER
from kubeque.clusters.kubernetes.permissions import role
from kubeque.model.errors import ClusterRefused

#: Says of a Kubernetes service account whom it is to Google.
_IDENTITY = "iam.gke.io/gcp-service-account"
_NAMESPACES = "/api/v1/namespaces"
_RBAC = "rbac.authorization.k8s.io"

Manifest = dict[str, Any]


class Accounts:
    """Those of one namespace."""

    def __init__(self, api: KubernetesApi, namespace: str, google: str) -> None:
        """`google`: the Google service account that they act as."""
        self._api = api
        self._namespace = namespace
        self._google = google

    def consumers(self, name: str) -> Part:
        """See that the consumers' account is there. It needs no rights in the cluster."""
        return self._part("consumers", name, [])

    def keeper(self) -> Part:
        """See that the keepers' account is there, with the Role of docs/howto/kubernetes.md."""
        rules = role()
        subject = {"kind": "ServiceAccount", "name": KEEPER, "namespace": self._namespace}
        reference = {"apiGroup": _RBAC, "kind": "Role", "name": rules["metadata"]["name"]}
        binding = _object(f"{_RBAC}/v1", "RoleBinding", KEEPER) | {"roleRef": reference, "subjects": [subject]}
        return self._part("keeper", KEEPER, [rules, binding])

    def _part(self, what: str, name: str, more: list[Manifest]) -> Part:
        account = _object("v1", "ServiceAccount", name)
        account["metadata"]["annotations"] = {_IDENTITY: self._google}
        named = f"the Kubernetes service account {self._namespace}/{name} of {what}"
        try:
            if self._api.find(path("serviceaccounts", self._namespace, name)) is None:
                self._see_namespace()
            made = [self._made(manifest) for manifest in (account, *more)]
        except ClusterRefused as error:
            return Part(what, False, f"{named} ({error})", self._command([account, *more]))
        return Part(what, True, f"{named} is {'made' if any(made) else 'there'}")

    def _see_namespace(self) -> None:
        if self._api.find(f"{_NAMESPACES}/{self._namespace}") is None:
            self._api.create(_NAMESPACES, _object("v1", "Namespace", self._namespace))

    def _made(self, manifest: Manifest) -> bool:
        """See that an object is there; was it made now?"""
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
