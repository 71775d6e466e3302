"""The requests of a submission to the API server. The password of the queue is only in the Secret of the pods.

No manifest, label or other request has the password or a digest of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from kubeque.clusters.kubernetes.api import Address, KubernetesApi
from kubeque.clusters.kubernetes.cluster import KubernetesCluster
from kubeque.clusters.kubernetes.object_names import queue_digest
from kubeque.clusters.kubernetes.permissions import keeper_account, role
from kubeque.model.command.command import parse_word
from kubeque.model.config.config import Config
from kubeque.model.config.config_file import hide_password
from kubeque.model.job.counts import Tally
from kubeque.model.job.job import Job
from kubeque.model.job.spec import JobSpec
from kubeque.model.rows.grid import sequence
from tests.servers.api_server import ApiServer

PASSWORD = "hunter2"
JOBS, PODS = "/apis/batch/v1/namespaces/n/jobs", "/api/v1/namespaces/n/pods"


def queue_url(password: str = PASSWORD) -> str:
    return f"postgresql://kq:{password}@db.example/kubeque"


def digest(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:12]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    server = ApiServer(tmp_path, "a-token")
    server.start()
    yield server
    server.stop()


def cluster(server: ApiServer, url: str, home: Path) -> KubernetesCluster:
    values = {"queue_url": url, "default_url_prefix": "s3://b/r", "cluster_url": "kubernetes://", "consumer_image": "c"}
    config = Config.from_values(values, where="test", folder=home, home=home, environ={})
    address = Address(f"https://{server.endpoint}", server.certificate.read_bytes(), lambda: server.token)
    return KubernetesCluster(KubernetesApi.at(lambda: address, context="c", namespace="n"), config, "n")


def test_the_warnings_of_the_cluster_are_shown_with_their_remedy(server: ApiServer, tmp_path: Path) -> None:
    server.warning = r"would violate PodSecurity \"restricted\": runAsNonRoot != true"
    (note,) = cluster(server, "postgresql://db.example/kubeque", tmp_path).check(SPEC)
    assert note.startswith('the cluster warns: would violate PodSecurity "restricted": runAsNonRoot != true; ')
    assert "--task-user 1000" in note


SPEC = JobSpec((parse_word("true"),), sequence(1), image="i")


@pytest.mark.parametrize(
    "url", [queue_url(), f"postgresql://kq@db.example/kubeque?password={PASSWORD}"], ids=["user", "option"]
)  # fmt: skip
def test_only_the_secret_of_the_pods_has_the_password(server: ApiServer, tmp_path: Path, url: str) -> None:
    pods = cluster(server, url, tmp_path)
    # When a job is checked, started and stopped
    pods.check(SPEC)
    pods.ensure(Job("j", "aaaaaaaaaaa2", 1, "s3://b/r/j", fleet="f-aaaaaaaaaaa2"), SPEC, {0: Tally(pending=1)})
    pods.stop()
    # Then one kind of request contains the password: it creates the Secret
    have = [request for request in server.requests if PASSWORD in request]
    assert have
    assert all(request.startswith("POST /api/v1/namespaces/n/secrets ") for request in have)
    # And no request contains a digest of it
    assert not [request for request in server.requests if digest(url) in request]


def test_the_running_consumers_of_all_jobs_of_the_queue_are_counted(server: ApiServer, tmp_path: Path) -> None:
    pods = cluster(server, queue_url(), tmp_path)
    ours = {"app.kubernetes.io/managed-by": "kubeque", "kubeque/queue": queue_digest(hide_password(queue_url()))}
    for name, labels in (
        ("a", {**ours, "kubeque/class": "0"}), ("b", {**ours, "kubeque/class": "1"}),
        ("keeper", {**ours, "kubeque/class": "keeper"}),
        ("other", {**ours, "kubeque/class": "0", "kubeque/queue": digest("another")}),
    ):  # fmt: skip
        server.objects[f"{PODS}/{name}"] = {
            "metadata": {"name": name, "uid": name, "labels": labels}, "status": {"phase": "Running"},
        }  # fmt: skip

    assert pods.count_running() == 2


def test_missing_rights_have_a_command_for_this_namespace(server: ApiServer, tmp_path: Path) -> None:
    fixes = cluster(server, queue_url(), tmp_path).fixes()

    assert fixes.startswith("kubectl apply -n n -f - <<'END'\n")
    assert fixes.endswith("\nEND")
    made = list(yaml.safe_load_all(fixes.partition("\n")[2].removesuffix("END")))
    assert made == [role(), *keeper_account("n")]  # only the account of keepers is missing


def test_stop_finds_pods_after_a_change_of_the_password(server: ApiServer, tmp_path: Path) -> None:
    job = Job("j", "aaaaaaaaaaa2", 1, "s3://b/r/j", fleet="f-aaaaaaaaaaa2")
    cluster(server, queue_url(), tmp_path).ensure(job, SPEC, {0: Tally(pending=1)})
    assert [at for at in server.objects if at.startswith(JOBS)]

    cluster(server, queue_url("correct horse"), tmp_path).stop()

    assert not [at for at in server.objects if at.startswith(JOBS)]


def test_stop_finds_what_kubeque_0_2_labelled_and_nothing_of_another_queue(server: ApiServer, tmp_path: Path) -> None:
    for name, url in (("old", queue_url()), ("other", queue_url("another"))):
        labels = {"app.kubernetes.io/managed-by": "kubeque", "kubeque/queue": digest(url), "kubeque/class": "0"}
        server.objects[f"{JOBS}/{name}"] = {"metadata": {"name": name, "labels": labels}}
        server.objects[f"{PODS}/{name}"] = {
            "metadata": {"name": name, "labels": labels},
            "status": {"phase": "Running"},
        }

    assert cluster(server, queue_url(), tmp_path).stop() == 1
    assert [at for at in server.objects if at.startswith(JOBS)] == [f"{JOBS}/other"]
