"""Create the bucket and the database in a Google Cloud project, and a service account that has access to both of them.

Only missing parts are created. If the user's account may not create a part, the `Part` contains a command for an
administrator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from kubeque.clusters.gke.credentials import Login, emulator
from kubeque.clusters.gke.messages import gcloud, region_of
from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import ClusterRefused

#: Environment variable for tests: address of an emulator of IAM, the resource manager and the administration of
#: Firestore.
EMULATOR = "GOOGLE_APIS_EMULATOR_HOST"
#: Name of the Google service account that consumers use.
ACCOUNT = "kubeque"
#: Maximum number of tries to change an IAM policy. A try fails if another program changes the policy at the same time.
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Part:
    """One resource or permission that sweeps need, and its state."""

    #: Kind of the part, for example `bucket`.
    what: str
    ok: bool
    #: Description of the part, and whether it existed, was created or is missing.
    text: str
    #: Command that creates the part, for a person with the permission; empty if the part exists.
    command: str = ""


class GoogleProject:
    """A Google Cloud project, used with the permissions of one account."""

    def __init__(self, project: str, location: str, login: Login) -> None:
        """Open a project. `location`: region or zone of the cluster; bucket and database are created in this region."""
        self._project, self._region = project, region_of(location)
        self._login = login
        #: Google service account of the consumers.
        self.account = f"{ACCOUNT}@{project}.iam.gserviceaccount.com"

    def parts(self, bucket: str, database: str | None) -> Iterator[Part]:
        """Create the missing parts of the project: bucket, database, service account and grants.

        Yield a `Part` for each of them, missing or not. Raises ClusterError if Google does not answer.

        `bucket`: name of the bucket; "" if results are not stored in a bucket. `database`: name of the Datastore
        database of the queue; "" for the default database; None if the queue is not in the project.
        """
        if bucket:
            yield self._bucket(bucket)
        if database is not None:
            yield self._database(database or "(default)")
        yield self._service_account()
        if database is not None:
            yield self._ensure_grant(
                "queue", self._project_policy(), "roles/datastore.user", self._member, self._grant_line()
            )
        if bucket:
            line = gcloud(
                "storage", "buckets", "add-iam-policy-binding", f"gs://{bucket}", f"--member={self._member}",
                "--role=roles/storage.objectUser",
            )  # fmt: skip
            yield self._ensure_grant(
                "store", self._bucket_policy(bucket), "roles/storage.objectUser", self._member, line
            )

    def identity(self, pool: str, namespace: str, kubernetes_account: str) -> Part:
        """Permit a Kubernetes service account to act as the Google service account of the consumers."""
        member = f"serviceAccount:{pool}[{namespace}/{kubernetes_account}]"
        line = gcloud(
            "iam", "service-accounts", "add-iam-policy-binding", self.account, f"--project={self._project}",
            f"--member={member}", "--role=roles/iam.workloadIdentityUser",
        )  # fmt: skip
        return self._ensure_grant("identity", self._account_policy(), "roles/iam.workloadIdentityUser", member, line)

    # ------------------------------------------------------------------ parts
    def _bucket(self, name: str) -> Part:
        url = f"{_storage()}/storage/v1/b"
        body = {
            "name": name, "location": self._region,
            "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}},
        }  # fmt: skip
        line = gcloud(
            "storage", "buckets", "create", f"gs://{name}", f"--project={self._project}", f"--location={self._region}",
            "--uniform-bucket-level-access",
        )  # fmt: skip
        return self._ensure(
            "bucket", f"gs://{name}", f"{url}/{quote(name)}", f"{url}?project={quote(self._project)}", body, line
        )

    def _database(self, name: str) -> Part:
        url = f"{_apis('firestore')}/v1/projects/{quote(self._project)}/databases"
        body = {"type": "DATASTORE_MODE", "locationId": self._region}
        return self._ensure(
            "database", f"the Datastore {name}", f"{url}/{name}", f"{url}?databaseId={quote(name)}", body,
            self._database_line(name), check=lambda found: self._check_database(name, str(found.get("type", ""))),
        )  # fmt: skip

    def _check_database(self, name: str, kind: str) -> Part | None:
        if kind == "DATASTORE_MODE":
            return None
        other = f"datastore://{self._project}/kubeque"
        return Part(
            "database", False, f"{name} is a {kind} database, which cannot be a queue: use another, for example"
            f" queue_url = {other}", self._database_line("kubeque"),
        )  # fmt: skip

    def _database_line(self, name: str) -> str:
        return gcloud(
            "firestore", "databases", "create", f"--project={self._project}", f"--database={name}",
            f"--location={self._region}", "--type=datastore-mode",
        )  # fmt: skip

    def _service_account(self) -> Part:
        url = f"{_apis('iam')}/v1/projects/{quote(self._project)}/serviceAccounts"
        body = {"accountId": ACCOUNT, "serviceAccount": {"displayName": "consumers of kubeque"}}
        line = gcloud("iam", "service-accounts", "create", ACCOUNT, f"--project={self._project}")
        return self._ensure("account", self.account, f"{url}/{self.account}", url, body, line)

    def _ensure(
        self, what: str, name: str, where: str, collection: str, body: dict[str, Any], line: str, *,
        check: Callable[[dict[str, Any]], Part | None] = lambda found: None,
    ) -> Part:  # fmt: skip
        try:
            found = self._login.ask("GET", where)
            return check(found) or Part(what, True, f"{name} exists")
        except ClusterRefused as error:
            if error.status not in (403, 404):
                raise
            if error.status == 403:  # without the permission to read the part, it is unknown whether it exists
                return self._missing(what, f"{name} cannot be read", error, line)
        try:
            self._login.ask("POST", collection, body)
        except ClusterRefused as error:
            if error.status != 409:
                return self._missing(what, f"{name} is missing, and this account may not create it", error, line)
        return Part(what, True, f"{name} was created")

    def _missing(self, what: str, text: str, error: ClusterRefused, line: str) -> Part:
        return Part(what, False, f"{text} ({error})", with_services(self._project, error, line))

    # ------------------------------------------------------------------ permissions
    @property
    def _member(self) -> str:
        return f"serviceAccount:{self.account}"

    def _grant_line(self) -> str:
        return gcloud(
            "projects", "add-iam-policy-binding", self._project, f"--member={self._member}",
            "--role=roles/datastore.user", "--condition=None",
        )  # fmt: skip

    def _ensure_grant(self, what: str, policy: _Policy, role: str, member: str, line: str) -> Part:
        try:
            for tried in range(1, _TRIES + 1):
                found = policy.read()
                if _grants(found, role, member):
                    return Part(what, True, f"{member} has {role}")
                try:
                    policy.write({**found, "bindings": [*_bindings(found), {"role": role, "members": [member]}]})
                    return Part(what, True, f"{member} is given {role}")
                except ClusterRefused as error:
                    if error.status not in (409, 412) or tried == _TRIES:  # 409, 412: the policy has changed meanwhile
                        raise
        except ClusterRefused as error:
            return self._missing(what, f"{member} needs {role}, which this account may not see or give", error, line)
        raise AssertionError("unreachable")

    def _project_policy(self) -> _Policy:
        return self._policy(f"{_apis('cloudresourcemanager')}/v3/projects/{quote(self._project)}")

    def _account_policy(self) -> _Policy:
        url = f"{_apis('iam')}/v1/projects/{quote(self._project)}/serviceAccounts/{self.account}"
        return self._policy(url, "?options.requestedPolicyVersion=3")

    def _policy(self, url: str, options: str = "") -> _Policy:
        ask = self._login.ask
        # A policy in a version below 3 has no conditions, so writing it would delete them.
        body = None if options else {"options": {"requestedPolicyVersion": 3}}
        return _Policy(
            lambda: ask("POST", f"{url}:getIamPolicy{options}", body),
            lambda policy: ask("POST", f"{url}:setIamPolicy", {"policy": {**policy, "version": 3}}),
        )

    def _bucket_policy(self, bucket: str) -> _Policy:
        ask, url = self._login.ask, f"{_storage()}/storage/v1/b/{quote(bucket)}/iam"
        return _Policy(
            lambda: ask("GET", f"{url}?optionsRequestedPolicyVersion=3"), lambda policy: ask("PUT", url, policy)
        )


@dataclass(frozen=True, slots=True)
class _Policy:
    """Functions that read and write the IAM policy of one resource."""

    read: Callable[[], dict[str, Any]]
    write: Callable[[dict[str, Any]], dict[str, Any]]


def _bindings(policy: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**binding, "members": binding.get("members") or []} for binding in policy.get("bindings") or []]


def _grants(policy: dict[str, Any], role: str, member: str) -> bool:
    """True if the policy grants the role to the member without a condition."""
    return any(b["role"] == role and member in b["members"] and not b.get("condition") for b in _bindings(policy))


def with_services(project: str, error: ClusterRefused, line: str) -> str:
    """Return the shell command `line`. If `error` reports a disabled Google service, put another command before `line`.

    This other command enables all services that kubeque needs.
    """
    off = "has not been used in project" in str(error) or "is disabled" in str(error)
    return f"{_enable_line(project)} && {line}" if off else line


def _enable_line(project: str) -> str:
    """Return the command that enables all Google services that kubeque needs."""
    return gcloud(
        "services", "enable", "container.googleapis.com", "firestore.googleapis.com", "iam.googleapis.com",
        "cloudresourcemanager.googleapis.com", f"--project={project}",
    )  # fmt: skip


def _apis(service: str) -> str:
    return emulator(EMULATOR) or f"https://{service}.googleapis.com"


def _storage() -> str:
    return emulator("STORAGE_EMULATOR_HOST") or "https://storage.googleapis.com"
