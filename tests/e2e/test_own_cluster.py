"""The steps of docs/howto/own_cluster.md: PostgreSQL and an S3 server from our YAML, then the sample sweep."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

from kubeque.clusters.kubernetes.api import KubernetesApi, path
from tests.e2e import server_images
from tests.e2e.conftest import CONSUMER, DEBIAN, NAMESPACE, REPOSITORY, SAMPLE, Desk, loader
from tests.waiting import until

YAML = REPOSITORY / "deploy" / "own-cluster" / "servers.yaml"
#: Here pods share this machine's network: there is neither a DNS nor a network of services to rely on.
HERE = {
    "hostNetwork": True,
    "dnsPolicy": "Default",
    "hostAliases": [{"ip": "127.0.0.1", "hostnames": ["kubeque-postgres", "kubeque-s3"]}],
}
IMAGES = {"postgres:17": "kubeque-e2e/postgres:1", "motoserver/moto:5.2.5": "kubeque-e2e/moto:1"}


def place(thing: dict[str, Any], name: str = "") -> str:
    """Where objects of its kind are."""
    if thing["kind"] == "Deployment":
        return f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments" + (f"/{name}" if name else "")
    return path(f"{thing['kind'].lower()}s", NAMESPACE, name)


@pytest.fixture
def servers(api: KubernetesApi, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The servers of the YAML run, in images made here; the logins that it has for them."""
    load = loader()
    for name in ("postgres", "s3"):
        (tmp_path / name).mkdir()
    load(server_images.postgres(tmp_path / "postgres", IMAGES["postgres:17"]))
    load(server_images.s3(tmp_path / "s3", IMAGES["motoserver/moto:5.2.5"], REPOSITORY / "build" / "consumer-image"))
    things = list(yaml.safe_load_all(YAML.read_text()))
    deployments = [thing for thing in things if thing["kind"] == "Deployment"]
    for thing in deployments:
        pod = thing["spec"]["template"]["spec"]
        pod |= HERE
        pod["containers"][0]["image"] = IMAGES[pod["containers"][0]["image"]]
    for thing in things:
        assert api.create(place(thing), thing, fieldValidation="Strict") is not None
    for thing in deployments:
        where = place(thing, thing["metadata"]["name"])
        until(f"{where} to be ready", lambda: api.get(where)["status"].get("readyReplicas"), 120)  # noqa: B023
    yield next(thing["stringData"] for thing in things if thing["kind"] == "Secret")
    for thing in things:
        api.delete(place(thing, thing["metadata"]["name"]))


@pytest.mark.smoke
@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl applies the kustomizations")
@pytest.mark.parametrize("folder", ["kubernetes", "network-policies", "own-cluster"])
def test_the_server_accepts_each_folder_of_deploy(folder: str) -> None:
    words = ["kubectl", "apply", "--dry-run=server", "-k", REPOSITORY / "deploy" / folder]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stderr
    assert "created (server dry run)" in done.stdout


def test_the_sample_sweep_runs_with_a_queue_and_a_store_from_our_yaml(desk: Desk, servers: dict[str, str]) -> None:
    urlopen(Request("http://127.0.0.1:5000/kubeque", method="PUT"), timeout=30).close()
    shutil.copytree(SAMPLE, desk.folder, dirs_exist_ok=True)
    config = {
        "queue_url": "postgresql://kubeque@127.0.0.1/kubeque", "default_url_prefix": "s3://kubeque/results",
        "cluster_url": "kubernetes://", "namespace": NAMESPACE, "consumer_image": CONSUMER,
    }  # fmt: skip
    (desk.folder / ".kubeque").write_text("".join(f"{key} = {value}\n" for key, value in config.items()))
    (desk.folder / "pod.yaml").write_text(json.dumps({"spec": HERE}))
    desk.env |= servers | {"AWS_ENDPOINT_URL": "http://127.0.0.1:5000"}
    done = desk.run(
        "sub", "-n", "mandelbrot", "-p", "params.csv", "--image", DEBIAN, "--memory", "128Mi", "--consumers", "2",
        "--env-from-secret", "kubeque-login", "--pod-template", "pod.yaml", "--fetch", "results",
        "python3", "^mandelbrot.py", "{x_scale}", "{y_scale}", "{zoom}",
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((desk.folder / "results").glob("*/mandelbrot.png"))) == 7
