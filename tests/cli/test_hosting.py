"""`kubeque start resize pool stop` on GKE, with the real program, Google's client library and emulated servers."""

from __future__ import annotations

import io
import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import grpc
import jsonschema
import pytest
from google.cloud import container_v1 as gke

from docs.generate.schemas import OUTPUTS
from kubeque.cli import program
from tests.cli.conftest import Shell
from tests.servers.api_server import ApiServer
from tests.servers.gke import ClusterManager
from tests.servers.google_apis import TOKEN, GoogleApis
from tests.servers.here import running
from tests.servers.objects import GcsServer

NAME = "projects/proj/locations/europe-west1/clusters/sweeps"
ACCOUNT = "kubeque@proj.iam.gserviceaccount.com"
RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
CONFIG = "project = proj\ncluster_name = sweeps\nlocation = europe-west1\ndefault_image = python:3.12-slim\n"

pytestmark = [pytest.mark.xdist_group("gs"), pytest.mark.server("gs")]


@dataclass
class Google:
    """Servers that emulate Google's APIs."""

    manager: ClusterManager
    apis: GoogleApis
    api: ApiServer


@pytest.fixture(scope="module")
def store() -> Iterator[GcsServer]:
    with running(GcsServer) as server:
        yield server


@pytest.fixture
def google(store: GcsServer, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    api = ApiServer(tmp_path, TOKEN)
    apis = GoogleApis(store.url)
    manager = ClusterManager(endpoint=api.endpoint, certificate=api.authority)
    for server in (api, apis, manager):
        server.start()
    monkeypatch.setenv("CONTAINER_EMULATOR_HOST", manager.host)
    monkeypatch.setenv("GOOGLE_APIS_EMULATOR_HOST", apis.url)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", apis.url)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(apis.key_file(tmp_path)))
    shell.write(".kubeque", CONFIG)
    yield Google(manager, apis, api)
    (shell.folder / ".kubeque").unlink()  # later commands must not call the real Google
    for server in (manager, apis, api):
        server.stop()


@dataclass
class Said:
    """Exit code and output of a command."""

    returncode: int
    stdout: str
    stderr: str


#: Runs `kubeque WORDS`.
Run = Callable[..., Said]


@pytest.fixture
def run(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `kubeque WORDS` in this process. It has loaded Google's libraries. A new process would need a second."""
    monkeypatch.chdir(shell.folder)
    for name in ("KUBEQUE_HOME", "HOME", "NO_COLOR"):
        monkeypatch.setenv(name, shell.env[name])

    def execute(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["kubeque", *words])
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = program.run(hears_interrupts=False)
        return Said(code, out.getvalue(), err.getvalue())

    return execute


def marks(text: str) -> dict[str, str]:
    """Return the state that `start` prints for each part: ok or MISSING."""
    lines = (line.split() for line in text.splitlines())
    return {words[1]: words[0] for words in lines if words and words[0] in ("ok", "MISSING")}


def test_start_makes_all_that_sweeps_need_and_finds_it_again(shell: Shell, google: Google) -> None:
    started = shell.run("start", "--nodes", "3", "--spot-nodes", "0:20", "--disk-size", "100Gi")

    assert started.returncode == 0, started.stdout + started.stderr
    assert set(marks(started.stdout).values()) == {"ok"}
    assert list(marks(started.stdout)) == [
        "bucket", "database", "account", "queue", "store", "cluster", "identity", "consumers", "keeper",
    ]  # fmt: skip
    assert "making sweeps in europe-west1 of project proj ..." in started.stderr
    standard, spot = google.manager.clusters[NAME].node_pools
    assert (standard.initial_node_count, len(standard.locations), standard.config.spot) == (1, 3, False)
    assert spot.config.spot
    assert (spot.autoscaling.total_min_node_count, spot.autoscaling.total_max_node_count) == (0, 20)
    assert [(taint.key, taint.effect.name) for taint in spot.config.taints] == [
        ("cloud.google.com/gke-spot", "NO_SCHEDULE")
    ]
    assert {pool.config.disk_size_gb for pool in (standard, spot)} == {100}
    assert google.apis.databases["(default)"] == {"type": "DATASTORE_MODE", "locationId": "europe-west1"}
    assert google.apis.members("proj", "roles/datastore.user") == [f"serviceAccount:{ACCOUNT}"]
    assert google.apis.members("proj-kubeque", "roles/storage.objectUser") == [f"serviceAccount:{ACCOUNT}"]
    assert google.apis.members(ACCOUNT, "roles/iam.workloadIdentityUser") == [
        f"serviceAccount:proj.svc.id.goog[default/{name}]" for name in ("kubeque", "kubeque-keeper")
    ]
    for name in ("kubeque", "kubeque-keeper"):
        account = google.api.objects[f"/api/v1/namespaces/default/serviceaccounts/{name}"]
        assert account["metadata"]["annotations"] == {"iam.gke.io/gcp-service-account": ACCOUNT}
    bound = google.api.objects[f"{RBAC}/rolebindings/kubeque-keeper"]
    assert (bound["roleRef"]["name"], bound["subjects"][0]["name"]) == ("kubeque", "kubeque-keeper")
    assert google.api.objects[f"{RBAC}/roles/kubeque"]["rules"]

    again = shell.run("start", "--json")

    assert again.returncode == 0, again.stderr
    said = json.loads(again.stdout)
    jsonschema.validate(said, {output.command: output.schema for output in OUTPUTS}["kubeque start --json"])
    assert (said["queue_url"], said["default_url_prefix"]) == ("datastore://proj", "gs://proj-kubeque/results")
    texts = {part["what"]: part["text"] for part in said["parts"]}
    assert texts["cluster"].startswith("sweeps in europe-west1 of project proj runs: Kubernetes 1.35.8")
    assert texts["bucket"] == "gs://proj-kubeque exists"
    assert texts["queue"] == f"serviceAccount:{ACCOUNT} has roles/datastore.user"
    assert len(google.manager.asked("CreateCluster")) == 1


def test_nodes_come_and_go(run: Run, google: Google) -> None:
    run("start")

    assert run("resize", "4").stdout == "standard 6 x e2-standard-4\n"  # three zones have two each
    assert google.manager.clusters[NAME].node_pools[0].initial_node_count == 2
    added = run("pool", "add", "fast", "--nodes", "0:5", "--spot", "--gpu", "nvidia-l4:2", "--local-ssd", "1")
    assert added.stdout == "fast 0:5 x e2-standard-4 spot 2 nvidia-l4\n"
    assert google.manager.clusters[NAME].node_pools[1].config.ephemeral_storage_local_ssd_config.local_ssd_count == 1
    assert run("pool", "resize", "fast", "3").stdout.startswith("fast 3 x ")
    assert run("pool", "resize", "fast", "1:9").stdout.startswith("fast 1:9 x ")
    schemas = {output.command: output.schema for output in OUTPUTS}
    listed = [json.loads(line) for line in run("pool", "list", "--json").stdout.splitlines()]
    for pool in listed:
        jsonschema.validate(pool, schemas["kubeque pool list --json"])
    assert [(pool["name"], pool["least"], pool["most"], pool["spot"]) for pool in listed] == [
        ("standard", 6, 6, False), ("fast", 1, 9, True),
    ]  # fmt: skip

    assert run("pool", "add", "fast").returncode == 2
    assert "the pool 'fats' does not exist: use one of standard, fast" in run("pool", "resize", "fats", "1").stderr
    assert "is the last pool without spot machines" in run("pool", "remove", "standard", "--yes").stderr
    assert run("pool", "remove", "fast", "--yes").stdout == "the pool fast is removed\n"
    assert [pool.name for pool in google.manager.clusters[NAME].node_pools] == ["standard"]


@pytest.mark.rotating
def test_stop_asks_and_deletes_the_cluster_alone(shell: Shell, google: Google) -> None:
    shell.run("start")

    refused = shell.run("stop", "--yes")
    assert (refused.returncode, NAME in google.manager.clusters) == (2, True)
    assert "add --delete-cluster" in refused.stderr

    unasked = shell.run("stop", "--delete-cluster")
    assert unasked.returncode == 2
    assert "delete the cluster sweeps in europe-west1 of project proj with its 1 node pool?" in unasked.stdout
    assert NAME in google.manager.clusters

    stopped = shell.run("stop", "--delete-cluster", "--yes")
    assert stopped.returncode == 0, stopped.stderr
    assert stopped.stdout == (
        "sweeps in europe-west1 of project proj is deleted; the queue datastore://proj and gs://proj-kubeque/results"
        " stay\n"
    )
    assert not google.manager.clusters
    assert "create it with `kubeque start`" in shell.run("stop", "--delete-cluster", "--yes").stderr


def test_what_this_account_may_not_is_said_as_commands(shell: Shell, run: Run, google: Google) -> None:
    google.apis.refusals = {
        r"POST /storage/v1/b$": (403, "me does not have storage.buckets.create access"),
        r"POST .*/proj:getIamPolicy": (403, "Permission 'resourcemanager.projects.getIamPolicy' denied"),
        r"POST /v1/projects/proj/databases": (
            403, "Cloud Firestore API has not been used in project proj before or it is disabled.",
        ),
    }  # fmt: skip
    google.manager.refuse("CreateCluster", grpc.StatusCode.PERMISSION_DENIED, "container.clusters.create is needed")
    shell.write(".kubeque", CONFIG + "default_url_prefix = gs://proj-of-others/results\n")

    started = run("start", "--spot-nodes", "0:8")

    assert started.returncode == 1
    said = marks(started.stdout)
    assert {what for what, mark in said.items() if mark == "MISSING"} == {
        "bucket", "database", "queue", "store", "cluster",
    }  # fmt: skip
    commands = started.stdout.partition("before the next kubeque start:")[2]
    for line in (
        "gcloud storage buckets create gs://proj-of-others --project=proj --location=europe-west1",
        "gcloud services enable container.googleapis.com firestore.googleapis.com",
        "gcloud firestore databases create --project=proj '--database=(default)' --location=europe-west1",
        f"gcloud projects add-iam-policy-binding proj --member=serviceAccount:{ACCOUNT} --role=roles/datastore.user",
        "gcloud container clusters create sweeps --project=proj --location=europe-west1 --num-nodes=1",
        "gcloud container node-pools create spot --project=proj",
        "--enable-autoscaling --total-min-nodes=0 --total-max-nodes=8",
    ):
        assert line in commands
    assert TOKEN not in started.stdout + started.stderr


def test_what_this_account_may_not_in_the_namespace_is_said_as_a_command_that_makes_it(
    run: Run, google: Google
) -> None:
    google.api.forbidden = ("roles", "rolebindings")

    started = run("start")

    assert started.returncode == 1
    assert [what for what, mark in marks(started.stdout).items() if mark == "MISSING"] == ["keeper"]
    (line,) = (line for line in started.stdout.splitlines() if "kubectl" in line)
    echo, text, pipe, *kubectl = shlex.split(line)
    assert (echo, pipe, kubectl) == ("echo", "|", ["kubectl", "-n", "default", "apply", "-f", "-"])
    kinds = [item["kind"] for item in json.loads(text)["items"]]
    assert kinds == ["ServiceAccount", "Role", "RoleBinding"]


def test_a_quota_and_a_failing_operation_are_said_in_googles_words(run: Run, google: Google) -> None:
    google.manager.refuse("CreateCluster", grpc.StatusCode.RESOURCE_EXHAUSTED, "Insufficient regional quota: CPUS")
    refused = run("start", "--nodes", "300")
    assert refused.returncode == 1
    assert "Insufficient regional quota: CPUS: ask for fewer nodes, or for a larger quota" in refused.stderr

    google.manager.fail_next_operation("ZONE_RESOURCE_POOL_EXHAUSTED: no machines")
    failed = run("start")
    assert failed.returncode == 1
    assert (
        "making sweeps in europe-west1 of project proj failed at Google: ZONE_RESOURCE_POOL_EXHAUSTED" in failed.stderr
    )
    broken = run("start")
    assert "is broken (no machines): stop and start it" in broken.stderr
    assert run("stop", "--delete-cluster", "--yes").returncode == 0


@pytest.mark.rotating
def test_a_start_that_was_cut_off_is_waited_for_by_the_next(shell: Shell, google: Google) -> None:
    shell.run("start")
    cluster = google.manager.clusters[NAME]
    cluster.status = gke.Cluster.Status.PROVISIONING

    waiting = shell.start("start")
    try:
        while not any(status == "GetCluster" for status, _ in google.manager.calls[-1:]):
            assert waiting.poll() is None
        cluster.status = gke.Cluster.Status.RUNNING
        said, errors = waiting.communicate(timeout=100)
    finally:
        waiting.kill()

    assert waiting.returncode == 0, errors
    assert marks(said)["cluster"] == "ok"
    cluster.status = gke.Cluster.Status.STOPPING
    assert "is being deleted: start it again in some minutes" in shell.run("start").stderr


def test_rights_that_others_change_meanwhile_are_given_all_the_same(run: Run, google: Google) -> None:
    google.apis.rivals["proj"] = 2
    google.apis.policies["proj"] = {
        "etag": "7", "bindings": [{"role": "roles/owner", "members": ["user:o"], "condition": {"title": "c"}}],
    }  # fmt: skip

    assert run("start").returncode == 0
    assert google.apis.members("proj", "roles/datastore.user") == [f"serviceAccount:{ACCOUNT}"]
    assert google.apis.policies["proj"]["bindings"][0]["condition"] == {"title": "c"}


def test_a_database_of_another_kind_is_no_queue(run: Run, google: Google) -> None:
    google.apis.databases["(default)"] = {"type": "FIRESTORE_NATIVE"}

    started = run("start")

    assert started.returncode == 1
    assert "(default) is a FIRESTORE_NATIVE database, which cannot be a queue" in started.stdout
    assert "--database=kubeque" in started.stdout


def test_where_the_cluster_is_is_found_by_its_name(shell: Shell, run: Run, google: Google) -> None:
    run("start")
    shell.write(".kubeque", "project = proj\ncluster_name = sweeps\n")
    assert run("pool", "list").stdout == "standard 3 x e2-standard-4\n"

    shell.write(".kubeque", "project = proj\ncluster_name = others\n")
    unknown = run("start")
    assert unknown.returncode == 2
    assert "its location is unknown: set location in .kubeque" in unknown.stderr


def test_the_consumers_cluster_is_reached_by_its_address_and_our_token(run: Run, google: Google) -> None:
    run("start")

    found = run("doctor", "--cluster")

    assert "gke://proj/europe-west1/sweeps: 0 consumers run, up to 10 for a job" in found.stdout, found.stdout
    google.api.token = "another"
    assert "Unauthorized: log in again" in run("doctor", "--cluster").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["start", "--nodes", "0"], "a cluster needs one permanent node"),
        (["start", "--nodes", "five"], "nodes 'five': write a number of nodes such as 3"),
        (["start", "--spot-nodes", "9:3"], "'9:3': write a number of nodes"),
        (["start", "--gpu", "l4:x"], "--gpu 'l4:x': write the type"),
        (["start", "--disk-size", "1Gi"], "too small for a node"),
        (["pool", "add", "Fast_One"], "pool 'Fast_One': write a name"),
        (["resize", "-3"], "no such option"),
    ],
)
def test_wrong_words_are_refused_before_google_is_asked(run: Run, google: Google, words: list[str], said: str) -> None:
    refused = run(*words)

    assert (refused.returncode, google.manager.calls) == (2, [])
    assert said in refused.stderr


def test_elsewhere_nodes_are_nobodys(run: Run) -> None:
    for words in (["start", "--nodes", "3"], ["resize", "3"], ["pool", "list"]):
        refused = run(*words)
        assert refused.returncode == 2
        assert "cluster_url is local, but only a cluster on GKE has nodes" in refused.stderr
