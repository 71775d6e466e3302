"""A cluster for one sweep, and the connections for its login, with emulators of Google's servers."""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from kubeque.clusters.open import open_cluster
from kubeque.model.errors import ClusterError
from kubeque_provider.exceptions import BadSweep
from kubeque_provider.hooks.kubeque import KubequeHook
from kubeque_provider.operators.cluster import KubequeStartClusterOperator, KubequeStopClusterOperator
from tests.servers.api_server import ApiServer
from tests.servers.gke import ClusterManager
from tests.servers.google_apis import TOKEN, GoogleApis

NAME = "projects/proj/locations/europe-west1-b/clusters/sweeps"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiServer]:
    server = ApiServer(tmp_path, TOKEN)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def manager(api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClusterManager]:
    """A project whose only login is the connection `goog`; results are in a folder, so there is no bucket."""
    apis, manager = GoogleApis(), ClusterManager(endpoint=api.endpoint, certificate=api.authority)
    apis.start()
    manager.start()
    monkeypatch.setenv("CONTAINER_EMULATOR_HOST", manager.host)
    monkeypatch.setenv("GOOGLE_APIS_EMULATOR_HOST", apis.url)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    google = {"key_path": str(apis.key_file(tmp_path)), "project": "proj"}
    monkeypatch.setenv("AIRFLOW_CONN_GOOG", json.dumps({"conn_type": "google_cloud_platform", "extra": google}))
    extra = {
        "project": "proj", "cluster_name": "sweeps", "location": "europe-west1-b", "gcp_conn_id": "goog",
        "default_url_prefix": str(tmp_path),
    }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_KUBEQUE_DEFAULT", json.dumps({"conn_type": "kubeque", "extra": extra}))
    yield manager
    manager.stop()
    apis.stop()
    monkeypatch.delenv("AIRFLOW_CONN_KUBEQUE_DEFAULT")


def test_the_example_starts_a_cluster_and_deletes_it_in_any_case(
    run: Any, manager: ClusterManager, api: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    dag = importlib.import_module("example_dags.gke_sweep").start.dag
    start, stop = dag.get_task("start"), dag.get_task("stop")
    assert (start.is_setup, stop.is_teardown) == (True, True)

    with caplog.at_level(logging.INFO):
        made = run.execute(start)

    assert made == {"cluster": "gke://proj/europe-west1-b/sweeps", "pools": {"standard": "1", "spot": "0:20"}}
    assert NAME in manager.clusters
    assert "POST /api/v1/namespaces/default/serviceaccounts" in api.calls
    assert run.execute(start, 2) == made
    assert len(manager.asked("CreateCluster")) == 1
    assert TOKEN not in caplog.text + json.dumps(list(map(str, run.xcoms.values())))

    run.execute(stop)
    assert not manager.clusters
    run.execute(stop, 2)  # the try before was lost behind the deletion


def test_a_stop_runs_whatever_became_of_the_sweep() -> None:
    assert KubequeStopClusterOperator(task_id="stop").trigger_rule == "all_done"


def test_what_is_missing_is_said_with_the_command(run: Any, manager: ClusterManager) -> None:
    manager.refuse("CreateCluster", grpc.StatusCode.PERMISSION_DENIED, "container.clusters.create is needed")
    with pytest.raises(ClusterError, match="has to run: gcloud container clusters create sweeps"):
        run.execute(KubequeStartClusterOperator(task_id="start"))
    with pytest.raises(BadSweep, match="write a number of nodes"):
        run.execute(KubequeStartClusterOperator(task_id="start", nodes="many"))


def test_elsewhere_than_on_gke_there_is_nothing_to_start(run: Any) -> None:
    for operator in (KubequeStartClusterOperator, KubequeStopClusterOperator):
        with pytest.raises(BadSweep, match="cluster_url is local, but only a cluster on GKE"):
            run.execute(operator(task_id="cluster"))


def test_a_kubernetes_connection_logs_in(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = {"server": f"https://{api.endpoint}", "certificate-authority-data": api.authority}
    kubeconfig = {
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "far", "cluster": cluster}], "users": [{"name": "me", "user": {"token": TOKEN}}],
        "contexts": [{"name": "c", "context": {"cluster": "far", "user": "me"}}],
    }  # fmt: skip
    extra = {"kube_config": json.dumps(kubeconfig)}
    monkeypatch.setenv("AIRFLOW_CONN_K8S", json.dumps({"conn_type": "kubernetes", "extra": extra}))
    ours = {"cluster_url": "kubernetes://", "namespace": "team", "kubernetes_conn_id": "k8s"}
    monkeypatch.setenv("AIRFLOW_CONN_FAR", json.dumps({"conn_type": "kubeque", "extra": ours}))

    hook = KubequeHook("far")
    cluster_there = open_cluster("kubernetes://", hook.config(), hook.access())

    assert cluster_there.url == "kubernetes:///team"
    assert cluster_there.consumers("a-fleet") == []
    assert "GET /api/v1/namespaces/team/pods" in api.calls
