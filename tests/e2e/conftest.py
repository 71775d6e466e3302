"""A real Kubernetes cluster for the tests. KUBECONFIG names it.

KUBEQUE_E2E_LOAD is a command that loads an image archive into it, given behind it: `kind load image-archive`, for one.
KUBEQUE_E2E_LOADED names a file that marks this cluster as one that has the images, so that several runs load them once.
Queue and object store run on this machine; pods share its network, so that they reach them on loopback.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from kubernetes import client
from kubernetes.watch import Watch

from kubeque import __version__
from kubeque.clusters.kubernetes.api import KubernetesApi, path
from kubeque.clusters.kubernetes.object_names import queue_digest
from kubeque.clusters.kubernetes.pod_status import is_live
from kubeque.model.config.config_file import hide_password
from tests.e2e import images
from tests.servers.emulators import DatastoreEmulator
from tests.servers.here import running
from tests.servers.objects import BUCKET, GcsServer
from tests.servers.postgres import PostgresServer
from tests.waiting import GaveUp, T, until

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "examples" / "sample-job"
PROVOKE = Path(__file__).parent / "provoke"
CONSUMER = f"kubeque-consumer:{__version__}"
BUSYBOX, DEBIAN, OTHERS = "kubeque-e2e/busybox:1", "kubeque-e2e/debian:1", "kubeque-e2e/others:1"
NAMESPACE = "default"
PAGE = REPOSITORY / "docs" / "howto" / "kubernetes.md"
RBAC = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
ACCOUNT = "kubeque-keeper"
#: Kills a node, deletes its object and brings it back, with `lose NODE`, `delete NODE`, `revive NODE` behind it.
NODE = os.environ.get("KUBEQUE_E2E_NODE")
NEEDS_NODE = pytest.mark.skipif(NODE is None, reason="KUBEQUE_E2E_NODE is not set: no node can be lost here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [name for name in ("KUBECONFIG", "KUBEQUE_E2E_LOAD") if not os.environ.get(name)]
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(1200))
            if missing:
                item.add_marker(pytest.mark.skip(reason=f"{' and '.join(missing)} are not set: there is no Kubernetes"))


def loader() -> Callable[[Path], None]:
    """Return a function that loads an image archive into the cluster."""

    def run(archive: Path) -> None:
        subprocess.run([*shlex.split(os.environ["KUBEQUE_E2E_LOAD"]), str(archive)], check=True, timeout=300)

    return run


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Load the images of the consumer and of users into the cluster."""
    mark = os.environ.get("KUBEQUE_E2E_LOADED")
    if mark and Path(mark).exists():
        return
    load = loader()
    load(REPOSITORY / "build" / "consumer-image.tar")
    made = tmp_path_factory.mktemp("images")
    for name in ("busybox", "debian", "others"):
        (made / name).mkdir()
    load(images.busybox(made / "busybox", BUSYBOX))
    load(images.debian(made / "debian", DEBIAN))
    # A user of its own, and an entrypoint that would end at once if it were run.
    load(images.busybox(made / "others", OTHERS, User="1234:1234", Entrypoint=["/bin/busybox", "false"]))
    if mark:
        Path(mark).touch()


@pytest.fixture(scope="session")
def api(loaded: None) -> KubernetesApi:
    return KubernetesApi.connect()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def store() -> Iterator[GcsServer]:
    server = GcsServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def datastore() -> Iterator[DatastoreEmulator]:
    with running(lambda: DatastoreEmulator("firestore")) as emulator:
        yield emulator


@dataclass
class Desk:
    """A user with their own queue, and the cluster."""

    folder: Path
    store: GcsServer
    api: KubernetesApi
    #: As the file .kubeque has it.
    config: dict[str, str]
    #: Environment variables, for tests and pods, that name the emulators of Google's servers.
    emulators: dict[str, str]
    env: dict[str, str] = field(default_factory=dict)
    watchers: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, *words: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
        """Run `kubeque WORDS`; return its output and exit code."""
        return self.execute(sys.executable, "-m", "kubeque.cli", *words, timeout=timeout)

    def execute(
        self, *words: str, timeout: float = 900, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run another program; return its output and exit code."""
        env = {**os.environ, **self.env, **(env or {})}
        return subprocess.run(words, cwd=self.folder, env=env, text=True, capture_output=True, timeout=timeout)

    def watch(self, job: str) -> subprocess.Popen[str]:
        """Start `kubeque watch JOB`, and return its process. `close` ends it."""
        watcher = subprocess.Popen(
            [sys.executable, "-m", "kubeque.cli", "watch", job], cwd=self.folder, env={**os.environ, **self.env},
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.watchers.append(watcher)
        return watcher

    def close(self) -> None:
        """Stop the consumers, and end the watchers that a failed test left."""
        self.run("stop")
        for watcher in self.watchers:
            with watcher:
                watcher.kill()

    def sub(self, *words: str, image: str = BUSYBOX, template: dict[str, Any] | None = None, **how: Any) -> Any:
        """Run `kubeque sub` with the options that all tests need."""
        (self.folder / "pod.yaml").write_text(json.dumps(self.template(template or {})))
        told = [word for name, value in self.emulators.items() for word in ("--env", f"{name}={value}")]
        return self.run("sub", "--image", image, *told, "--pod-template", "pod.yaml", *words, **how)

    def template(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Return a pod_template with this spec, in the network of this machine."""
        keeper = {"name": "keeper", "env": self._api_server()}
        here = {"hostNetwork": True, "dnsPolicy": "Default", **spec}
        return {"spec": {**here, "containers": [*spec.get("containers", []), keeper]}}

    def _api_server(self) -> list[dict[str, str]]:
        """Return environment variables with the API server's address, for pods in this machine's network."""
        server = urlsplit(self.api._client.configuration.host)
        found = {"HOST": str(server.hostname), "PORT": str(server.port or 443)}
        return [{"name": f"KUBERNETES_SERVICE_{key}", "value": value} for key, value in found.items()]

    def tasks(self, job: str) -> list[dict[str, Any]]:
        done = self.run("status", job, "--tasks", "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def status(self, job: str) -> dict[str, Any]:
        done = self.run("status", job, "--json")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert isinstance(found, dict)
        return found

    def objects(self, kind: str, job: str = "") -> list[dict[str, Any]]:
        """Return the objects in the cluster that belong to a job or to the queue."""
        mark = queue_digest(hide_password(self.config["queue_url"]))
        of_job = f",kubeque/job={job}" if job else ""
        return self.api.list(path(kind, NAMESPACE), labelSelector=f"kubeque/queue={mark}{of_job}")

    def until(self, what: str, test: Callable[[], T], seconds: float = 120) -> T:
        """Return the result of `test` once it is true. Poll slowly, because each poll is a process."""
        return until(what, test, seconds, every=0.5)

    @contextmanager
    def counting_consumers(self, job: str) -> Iterator[Callable[[], int]]:
        """Count the consumers of a job in the API's watch stream. Yield a function that returns the highest number.

        A consumer counts while its pod is pending or running, and is not being deleted.
        """
        live: set[str] = set()
        most, ended = 0, threading.Event()
        mark = queue_digest(hide_password(self.config["queue_url"]))
        selector = f"kubeque/queue={mark},kubeque/job={job},kubeque/class!=keeper"

        def follow() -> None:
            nonlocal most
            core = client.CoreV1Api(self.api._connected())
            while not ended.is_set():
                live.clear()  # each stream begins with all pods
                for event in Watch().stream(
                    core.list_namespaced_pod, NAMESPACE, label_selector=selector, timeout_seconds=5
                ):
                    pod = event["raw_object"]
                    alive = event["type"] != "DELETED" and is_live(pod)
                    (live.add if alive else live.discard)(pod["metadata"]["uid"])
                    most = max(most, len(live))

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield lambda: most
        finally:
            ended.set()
            thread.join(30)

    def leaves_nothing(self, job: str = "", seconds: float = 120) -> None:
        """Wait until the cluster has no Kubernetes Job and no pod of a job, or of the queue.

        Raises AssertionError if an ended sweep leaves some behind, GaveUp if the sweep has not ended. Looks at the
        queue last, because looking at it repairs jobs.
        """
        try:
            self.until(
                "nothing left in the cluster",
                lambda: not self.objects("jobs", job) + self.objects("pods", job),
                seconds,
            )
        except GaveUp:
            left = [found["metadata"]["name"] for kind in ("jobs", "pods") for found in self.objects(kind, job)]
            if job and self.status(job)["state"] in ("waiting", "running", "held", "resetting"):
                raise
            raise AssertionError(f"left behind in the cluster: {', '.join(left)}") from None


@pytest.fixture
def desk(tmp_path: Path, postgres: PostgresServer, store: GcsServer, api: KubernetesApi) -> Iterator[Desk]:
    desk = set_up(tmp_path, postgres.create_database(), store, api)
    yield desk
    desk.close()


@pytest.fixture(params=[pytest.param("postgres", marks=pytest.mark.smoke), "datastore"])
def any_desk(request: pytest.FixtureRequest, tmp_path: Path, store: GcsServer, api: KubernetesApi) -> Iterator[Desk]:
    """A desk, with each kind of queue that pods can reach."""
    server = request.getfixturevalue(request.param)
    if isinstance(server, PostgresServer):
        desk = set_up(tmp_path, server.create_database(), store, api)
    else:
        queue_url = f"datastore://kubeque-test/(default)/{secrets.token_hex(4)}"
        desk = set_up(tmp_path, queue_url, store, api, DATASTORE_EMULATOR_HOST=server.host)
    yield desk
    desk.close()


def set_up(folder: Path, queue_url: str, store: GcsServer, api: KubernetesApi, **emulators: str) -> Desk:
    """Return a desk in a folder. `emulators`: environment variables for emulators other than the store."""
    config = {
        "queue_url": queue_url,
        "default_url_prefix": f"gs://{BUCKET}/{secrets.token_hex(4)}",
        "cluster_url": "kubernetes://",
        "namespace": NAMESPACE,
        "consumer_image": CONSUMER,
    }
    (folder / ".kubeque").write_text("".join(f"{key} = {value}\n" for key, value in config.items()))
    emulators["STORAGE_EMULATOR_HOST"] = store.url
    env = {**emulators, "KUBEQUE_HOME": str(folder / "home"), "NO_COLOR": "1"}
    return Desk(folder, store, api, config, emulators, env)


def node(verb: str, name: str) -> None:
    """Do something to a node."""
    assert NODE is not None
    subprocess.run([*shlex.split(NODE), verb, name], check=True, timeout=120, capture_output=True)


def of_the_page(kind: str) -> dict[str, Any]:
    """Return the object of this kind from docs/howto/kubernetes.md."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    found = [thing for block in blocks for thing in yaml.safe_load_all(block) if thing["kind"] == kind]
    assert isinstance(found[0], dict)
    return found[0]


@pytest.fixture
def keepers(api: KubernetesApi) -> Iterator[None]:
    """Create the objects that docs/howto/kubernetes.md requires for keepers."""
    binding = of_the_page("RoleBinding")
    binding["subjects"][0]["namespace"] = NAMESPACE
    api.create(path("serviceaccounts", NAMESPACE), of_the_page("ServiceAccount"))
    api.create(f"{RBAC}/roles", of_the_page("Role"))
    api.create(f"{RBAC}/rolebindings", binding)
    yield
    api.delete(f"{RBAC}/rolebindings/{ACCOUNT}")
    api.delete(f"{RBAC}/roles/kubeque")
    api.delete(path("serviceaccounts", NAMESPACE, ACCOUNT))
