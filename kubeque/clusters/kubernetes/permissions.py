"""What an account may do in a namespace, of what it takes to submit and watch there, and to keep a job."""

from __future__ import annotations

from typing import Any

from kubeque.clusters.base import Permission
from kubeque.clusters.kubernetes.api import KubernetesApi, path
from kubeque.clusters.kubernetes.keeper_manifest import ACCOUNT
from kubeque.model.errors import ClusterRefused

_SAY, _PASSWORD = "to say why no pod comes up", "where queue_url has a password"
#: The rights of docs/howto/kubernetes.md: API group, kind, verbs, and what they are for.
_RIGHTS = (
    ("batch", "jobs", ("create", "list", "patch", "deletecollection"), "to start consumers and send them home"),
    ("", "pods", ("get", "list"), "to see them and why they ended"),
    ("", "events", ("list",), _SAY),
    ("", "secrets", ("create", "patch"), _PASSWORD),
)
#: What the Role has beside: to start a keeper, and for doctor to ask what it may.
_BESIDE = (("", "serviceaccounts", ("get",)), ("authorization.k8s.io", "localsubjectaccessreviews", ("create",)))
_REVIEWS = "/apis/authorization.k8s.io/v1"
_NOBODY_WATCHES = "for jobs that nobody watches"


def role() -> dict[str, Any]:
    """The Role of docs/howto/kubernetes.md: what it takes to submit, watch and keep jobs in a namespace."""
    rules = [*((group, kind, verbs) for group, kind, verbs, _ in _RIGHTS), *_BESIDE]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "kubeque"},
        "rules": [{"apiGroups": [group], "resources": [kind], "verbs": [*verbs]} for group, kind, verbs in rules],
    }  # fmt: skip


class Permissions:
    """Asks one namespace."""

    def __init__(self, api: KubernetesApi, namespace: str, *, password: bool) -> None:
        """`password`: the queue's URL has one."""
        self._api = api
        self._namespace = namespace
        self._spare = {_SAY} if password else {_SAY, _PASSWORD}

    def own(self) -> list[Permission]:
        """Those of this account."""
        return self._all()

    def of_keeper(self) -> list[Permission]:
        """Those of the account that keepers run as, as far as this one can see them."""
        why_not = self.no_keeper()
        if why_not:
            return [
                Permission("a keeper", False, _NOBODY_WATCHES, optional=True, trouble=f"cannot be started: {why_not}")
            ]
        try:
            return self._all(ACCOUNT)
        except ClusterRefused as error:
            if error.status != 403:
                raise
            return [
                Permission("create localsubjectaccessreviews", False, f"to check what {ACCOUNT} may do", optional=True)
            ]

    def no_keeper(self) -> str:
        """Why there can be no keeper; empty: there can."""
        try:
            found = self._api.find(path("serviceaccounts", self._namespace, ACCOUNT))
        except ClusterRefused as error:
            if error.status != 403:
                raise
            return f"this account may not get serviceaccounts in {self._namespace}"
        return "" if found else f"there is no service account {ACCOUNT} in {self._namespace}"

    def _all(self, account: str = "") -> list[Permission]:
        by = f" by {account}" if account else ""
        return [
            Permission(f"{verb} {kind}{by}", self._may(group, kind, verb, account), why, why in self._spare)
            for group, kind, verbs, why in _RIGHTS
            for verb in verbs
        ]

    def _may(self, group: str, kind: str, verb: str, account: str) -> bool:
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
