"""The smallest Role, as the page has it, is enough; what is missing without it is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from kubeque.clusters.kubernetes import KubernetesApi, path
from tests.e2e.conftest import BUSYBOX, NAMESPACE, REPOSITORY, Desk

PAGE = REPOSITORY / "docs" / "howto" / "kubernetes.md"
RBAC = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
ACCOUNT = "kubeque-e2e-submitter"


@pytest.fixture
def kubeconfig(api: KubernetesApi, tmp_path: Path) -> Iterator[Path]:
    """Somebody who may do nothing yet."""
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

    role = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)[0])
    api.create(f"{RBAC}/roles", role)
    binding = {
        "metadata": {"name": "kubeque"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "kubeque"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
    }
    api.create(f"{RBAC}/rolebindings", binding)
    after = desk.run("doctor", "--cluster")
    assert after.returncode == 0, after.stdout
    done = desk.sub("-n", "allowed", "--memory", "32Mi", "/bin/sh", "-c", "true", image=BUSYBOX)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [job for job in desk.objects("jobs", "allowed") if not job["metadata"].get("deletionTimestamp")]
