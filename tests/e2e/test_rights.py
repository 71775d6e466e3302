"""The minimal Role of the documentation is sufficient. Without it, messages name the missing permission."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from kubeque.clusters.gke.service_accounts import Accounts
from kubeque.clusters.kubernetes.api import KubernetesApi, path
from kubeque.clusters.kubernetes.permissions import Permissions, keeper_account, role
from tests.e2e.conftest import ACCOUNT as KEEPER
from tests.e2e.conftest import BUSYBOX, NAMESPACE, RBAC, Desk, of_the_page

ACCOUNT = "kubeque-e2e-submitter"


@pytest.fixture
def kubeconfig(api: KubernetesApi, tmp_path: Path) -> Iterator[Path]:
    """Yield the kubeconfig of an account without any rights."""
    api.create(path("serviceaccounts", NAMESPACE), {"metadata": {"name": ACCOUNT}})
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = api.create(f"{path('serviceaccounts', NAMESPACE, ACCOUNT)}/token", review)
    assert token is not None
    settings = api._client.configuration
    cluster = {"server": settings.host, "certificate-authority": settings.ssl_ca_cert}
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "e2e",
        "clusters": [{"name": "e2e", "cluster": cluster}],
        "users": [{"name": "e2e", "user": {"token": token["status"]["token"]}}],
        "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "e2e", "namespace": NAMESPACE}}],
    }))  # fmt: skip
    yield file
    for kind in ("rolebindings", "roles"):
        api.delete(f"{RBAC}/{kind}/kubeque")
    api.delete(path("serviceaccounts", NAMESPACE, ACCOUNT))


def test_the_role_of_the_page_is_enough_and_without_it_each_right_is_named(
    desk: Desk, api: KubernetesApi, kubeconfig: Path
) -> None:
    desk.env["KUBECONFIG"] = str(kubeconfig)
    before = desk.run("doctor", "--cluster")
    assert before.returncode == 1
    assert "pods is forbidden" in before.stdout or "list jobs" in before.stdout
    refused = desk.sub("-n", "refused", "true")
    assert refused.returncode == 2
    assert "docs/howto/kubernetes.md" in refused.stderr

    api.create(f"{RBAC}/roles", of_the_page("Role"))
    binding = {
        "metadata": {"name": "kubeque"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "kubeque"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
    }
    api.create(f"{RBAC}/rolebindings", binding)
    after = desk.run("doctor", "--cluster")
    assert after.returncode == 0, after.stdout
    assert f"there is no service account {KEEPER} in {NAMESPACE}" in after.stdout
    unkept = desk.sub("-n", "unkept", "--keeper", "yes", "true")
    assert unkept.returncode == 2
    assert f"there is no service account {KEEPER}" in unkept.stderr
    done = desk.sub("-n", "allowed", "--memory", "32Mi", "/bin/sh", "-c", "true", image=BUSYBOX)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [job for job in desk.objects("jobs", "allowed") if not job["metadata"].get("deletionTimestamp")]


def test_what_the_keeper_may_not_do_is_named(desk: Desk, api: KubernetesApi, keepers: None) -> None:
    well = desk.run("doctor", "--cluster")
    api.delete(f"{RBAC}/rolebindings/{KEEPER}")
    badly = desk.run("doctor", "--cluster")
    fix = desk.run("doctor", "--fix").stdout

    assert well.returncode == 0, well.stdout
    assert f"create jobs by {KEEPER} is allowed" in well.stdout
    assert badly.returncode == 1
    assert f"create jobs by {KEEPER} is not allowed" in badly.stdout
    assert fix.startswith(f"kubectl apply -n {NAMESPACE} -f - <<'END'\n")
    applied = list(yaml.safe_load_all(fix.partition("\n")[2].removesuffix("END\n")))
    assert applied == [role(), *keeper_account(NAMESPACE)]
    done = desk.sub("-n", "hindered", "--no-wait", "--memory", "32Mi", "/bin/sh", "-c", "sleep 600")
    assert done.returncode == 0, done.stderr
    said = desk.until(
        "the keeper's trouble", lambda: [t for t in desk.status("hindered")["obstacles"] if "keeper" in t]
    )
    assert "the keeper may not create jobs" in said[0]


def test_the_accounts_of_a_new_cluster_are_made_with_the_role_of_the_page(api: KubernetesApi) -> None:
    accounts = Accounts(api, "kubeque-e2e-new", "kubeque@proj.iam.gserviceaccount.com")
    try:
        made = [accounts.consumers("kubeque"), accounts.keeper()]
        again = [accounts.consumers("kubeque"), accounts.keeper()]
        rights = Permissions(api, "kubeque-e2e-new", password=True).of_keeper()
    finally:
        api.delete("/api/v1/namespaces/kubeque-e2e-new")

    assert all(part.text.endswith(" is made") for part in made), made
    assert all(part.text.endswith(" is there") for part in again), again
    assert {right.granted for right in rights} == {True}, rights
    assert len(rights) > 5
    assert role()["rules"] == of_the_page("Role")["rules"]
