"""Check the permissions in a namespace that are needed to submit and watch jobs, and to run keepers."""

from __future__ import annotations

import shlex
from typing import Any

from kubeque.clusters.base import Permission
from kubeque.clusters.kubernetes.api import KubernetesApi, path
from kubeque.clusters.kubernetes.manifests.keeper_manifest import ACCOUNT
from kubeque.clusters.kubernetes.object_names import KUEUE, slug
from kubeque.model.errors import ClusterRefused

_FOR_REASONS, _FOR_PASSWORD = "to say why no pod starts", "where queue_url has a password"
#: Permissions that docs/howto/kubernetes.md lists: API group, kind, verbs, and purpose.
_PERMISSIONS = (
    ("batch", "jobs", ("create", "list", "patch", "deletecollection"), "to start consumers and to stop them"),
    ("", "pods", ("get", "list"), "to see them and why they ended"),
    ("", "events", ("list",), _FOR_REASONS),
    ("", "secrets", ("create",), _FOR_PASSWORD),
)
#: Additional rules of the Role: to start a keeper, to check permissions with `kubeque doctor`, and to read Kueue.
_ROLE_EXTRAS = (
    ("", "serviceaccounts", ("get",)),
    ("authorization.k8s.io", "localsubjectaccessreviews", ("create",)),
    (KUEUE, "localqueues", ("get",)),
    (KUEUE, "workloads", ("list",)),
)
_REVIEWS = "/apis/authorization.k8s.io/v1"
_FOR_UNWATCHED = "for jobs that nobody watches"


def role() -> dict[str, Any]:
    """Return the Role that docs/howto/kubernetes.md lists.

    The Role permits programs to submit and watch jobs in a namespace, and to run as a keeper.
    """
    rules = [*((group, kind, verbs) for group, kind, verbs, _ in _PERMISSIONS), *_ROLE_EXTRAS]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "kubeque"},
        "rules": [{"apiGroups": [group], "resources": [kind], "verbs": [*verbs]} for group, kind, verbs in rules],
    }  # fmt: skip


def keeper_account(namespace: str) -> list[dict[str, Any]]:
    """Return two manifests: the service account of keepers in a namespace, and the RoleBinding of this account."""
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}}
    return [account, _binding(ACCOUNT, subject)]


def _binding(name: str, subject: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role()["metadata"]["name"]},
        "subjects": [subject],
    }  # fmt: skip


class Permissions:
    """Checks permissions in one namespace."""

    def __init__(self, api: KubernetesApi, namespace: str, *, password: bool) -> None:
        """Send no request. `password`: True if the URL of the queue contains a password, so that Secrets are needed."""
        self._api = api
        self._namespace = namespace
        self._optional = {_FOR_REASONS} if password else {_FOR_REASONS, _FOR_PASSWORD}

    def own(self) -> list[Permission]:
        """Return the permissions that sweeps need, each with the result of a check for this account."""
        return self._check_all()

    def of_keeper(self) -> list[Permission]:
        """Return the permissions that sweeps need, each with the result of a check for the service account of keepers.

        If the check is impossible, return one entry with the reason: no keeper can be started, or this account has no
        permission for the check.
        """
        why_not = self.why_no_keeper()
        if why_not:
            return [
                Permission("a keeper", False, _FOR_UNWATCHED, optional=True, problem=f"cannot be started: {why_not}")
            ]
        try:
            return self._check_all(ACCOUNT)
        except ClusterRefused as error:
            if error.status != 403:
                raise
            return [
                Permission("create localsubjectaccessreviews", False, f"to check what {ACCOUNT} may do", optional=True)
            ]

    def fixes(self) -> str:
        """Return the shell commands that give this account and the keepers their permissions; empty if none is missing.

        The commands need the permissions of an administrator of the namespace.
        """
        keeper = [] if all(right.granted for right in self.of_keeper()) else keeper_account(self._namespace)
        own = [] if all(right.granted for right in self.own()) else [self._own_binding()]
        return self._command([role(), *keeper, *own]) if keeper or own else ""

    def _own_binding(self) -> dict[str, Any]:
        """Return the RoleBinding that gives the Role to this account."""
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = self._api.create("/apis/authentication.k8s.io/v1/selfsubjectreviews", review) or {}
        user = str(answer.get("status", {}).get("userInfo", {}).get("username", ""))
        group = "rbac.authorization.k8s.io"
        return _binding(f"kubeque-{slug(user, 40)}", {"kind": "User", "name": user, "apiGroup": group})

    def _command(self, manifests: list[dict[str, Any]]) -> str:
        import yaml

        text = yaml.safe_dump_all(manifests, sort_keys=False, default_flow_style=None, width=120)
        return f"kubectl apply -n {shlex.quote(self._namespace)} -f - <<'END'\n{text}END"

    def why_no_keeper(self) -> str:
        """Return the reason why no keeper can be started; empty if a keeper can be started."""
        try:
            found = self._api.find(path("serviceaccounts", self._namespace, ACCOUNT))
        except ClusterRefused as error:
            if error.status != 403:
                raise
            return f"this account may not get serviceaccounts in {self._namespace}"
        return "" if found else f"there is no service account {ACCOUNT} in {self._namespace}"

    def _check_all(self, account: str = "") -> list[Permission]:
        by = f" by {account}" if account else ""
        return [
            Permission(f"{verb} {kind}{by}", self._is_granted(group, kind, verb, account), why, why in self._optional)
            for group, kind, verbs, why in _PERMISSIONS
            for verb in verbs
        ]

    def _is_granted(self, group: str, kind: str, verb: str, account: str) -> bool:
        wanted = {"namespace": self._namespace, "group": group, "resource": kind, "verb": verb}
        review: dict[str, Any] = {
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": wanted},
        }  # fmt: skip
        where = f"{_REVIEWS}/selfsubjectaccessreviews"
        if account:
            review |= {"kind": "LocalSubjectAccessReview", "metadata": {"namespace": self._namespace}}
            review["spec"]["user"] = f"system:serviceaccount:{self._namespace}:{account}"
            where = f"{_REVIEWS}/namespaces/{self._namespace}/localsubjectaccessreviews"
        answer = self._api.create(where, review)
        return bool(answer and answer.get("status", {}).get("allowed"))
