"""The Kubernetes Job of a job's consumers. Complete manifests are stored beside this file: manifests/*.json.

KUBEQUE_WRITE_GOLDEN=1 rewrites them; read the difference before you commit it.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubeque.clusters.kubernetes.manifests.job_manifest import kubernetes_job
from kubeque.clusters.kubernetes.manifests.keeper_manifest import keeper_job
from kubeque.clusters.kubernetes.manifests.pod_manifest import ManifestContext
from kubeque.clusters.kubernetes.object_names import KEEPER, fleet_name, fleet_of, kubernetes_job_name, slug
from kubeque.model.command.command import parse_word
from kubeque.model.errors import ResourceError
from kubeque.model.job.job import Job
from kubeque.model.job.shapes import Shape, grow_shapes
from kubeque.model.job.spec import JobSpec
from kubeque.model.quantities import MI
from kubeque.model.rows.grid import sequence

GI = 1024 * MI
GOLDEN = Path(__file__).parent / "manifests"
CONTEXT = ManifestContext("team-a", "registry/kubeque-consumer:1", "postgresql://me@db/queue", "aaaabbbbcccc")
EVERYTHING = {
    "env_from_secret": ["login"],
    "gpu": 1,
    "service_account": "sweeper",
    "node_selector": {"disktype": "ssd"},
    "volumes": ["pvc/data:/data:ro", "/srv/models:/models"],
    "tolerations": ["gpu=true:NoSchedule"],
    "spot": True,
    "priority_class": "batch",
    "task_user": 1000,
    "image_pull_secrets": ["registry"],
    "pod_template": {
        "metadata": {"labels": {"team": "blue"}},
        "spec": {
            "hostNetwork": True,
            "containers": [
                {
                    "name": "task",
                    "securityContext": {"readOnlyRootFilesystem": True},
                    "env": [{"name": "A", "value": "2"}],
                },
                {"name": "proxy", "image": "proxy:3"},
                {"name": "keeper", "env": [{"name": "NO_PROXY", "value": "10.0.0.1"}]},
            ],
        },
    },
}


def job(**changes: Any) -> Job:
    return replace(Job("Nightly render!", "u" * 12, 10, "gs://b/x", fleet="nightly-render-abcdefghijkm"), **changes)


def spec(**changes: Any) -> JobSpec:
    plain = JobSpec(
        (parse_word("run"),), sequence(10).to_spec(), image="python:3.12", env={"A": "1", "LD_PRELOAD": "x.so"}
    )
    return replace(plain, **changes)


def make_consumers(
    job_spec: JobSpec | None = None, context: ManifestContext = CONTEXT, **changes: Any
) -> dict[str, Any]:
    return kubernetes_job(
        job(), job_spec or spec(), context, **{"size_class": 0, "generation": 1, "count": 4, **changes}
    )


def make_keeper(job_spec: JobSpec | None = None, **changes: Any) -> dict[str, Any]:
    return keeper_job(job(), job_spec or spec(), CONTEXT, **{"generation": 1, "count": 1, **changes})


CASES = {
    "plain": lambda: make_consumers(),
    "resources": lambda: make_consumers(
        spec(cpu=0.5, shapes=grow_shapes(Shape(GI, 5 * GI), 4 * GI)), size_class=1, generation=3
    ),
    "everything": lambda: make_consumers(spec(pod=EVERYTHING)),
    "image-volume": lambda: make_consumers(context=replace(CONTEXT, image_volumes=True)),
    "secret-queue": lambda: make_consumers(queue_secret="kq-nightly"),
    "kueue": lambda: make_consumers(spec(pod={"kueue_queue": "team-a-queue", "kueue_priority": "urgent"})),
    "keeper": lambda: make_keeper(queue_secret="kq-nightly"),
    "keeper-of-everything": lambda: make_keeper(spec(pod=EVERYTHING)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_manifest_is_as_it_was(case: str) -> None:
    manifest = CASES[case]()
    file = GOLDEN / f"{case}.json"
    if os.environ.get("KUBEQUE_WRITE_GOLDEN"):
        file.write_text(json.dumps(manifest, indent=1) + "\n")

    assert manifest == json.loads(file.read_text())


def test_memory_and_disk_of_a_class_leave_room_for_the_consumer() -> None:
    manifest = make_consumers(spec(cpu=2, shapes=grow_shapes(Shape(GI, 2 * GI), 8 * GI)), size_class=2)
    resources = manifest["spec"]["template"]["spec"]["containers"][0]["resources"]

    assert resources["limits"] == {"memory": str(4 * GI + 128 * 2**20), "ephemeral-storage": str(2 * GI + 256 * 2**20)}
    assert resources["requests"] == {"cpu": "2000m", **resources["limits"]}


def test_what_acts_on_loaders_does_not_reach_the_consumer() -> None:
    env = {item["name"] for item in make_consumers()["spec"]["template"]["spec"]["containers"][0]["env"]}

    assert "A" in env
    assert "LD_PRELOAD" not in env


def test_a_setting_of_the_consumer_cannot_be_replaced_by_a_variable_of_the_job() -> None:
    job_spec = spec(env={"KUBEQUE_QUEUE_URL": "memory:", "KUBEQUE_POD_NAME": "x", "B": "1"})
    for manifest in (make_consumers(job_spec), make_keeper(job_spec)):
        env = manifest["spec"]["template"]["spec"]["containers"][0]["env"]
        assert [item["name"] for item in env].count("KUBEQUE_QUEUE_URL") == 1
        assert {"name": "KUBEQUE_QUEUE_URL", "value": "memory:"} not in env
        assert {"name": "B", "value": "1"} in env


def test_no_password_stands_in_the_manifest() -> None:
    manifest = make_consumers(context=replace(CONTEXT, queue_url="postgresql://me@db/queue"), queue_secret="kq-nightly")

    env = {item["name"]: item for item in manifest["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env["KUBEQUE_QUEUE_URL"]["valueFrom"] == {"secretKeyRef": {"name": "kq-nightly", "key": "url"}}


@pytest.mark.parametrize("name", ["x", "A job of ten thousand words " * 11])
def test_a_keepers_pod_has_a_name_too_and_is_no_consumer(name: str) -> None:
    pod = f"{kubernetes_job_name(fleet_name(name), KEEPER, 123)}-9999-a1b2c"

    assert len(pod) <= 63
    assert fleet_of(pod) is None


def test_a_keeper_has_room_for_the_table_of_its_job() -> None:
    small, large = make_keeper(), keeper_job(job(n=1_000_000), spec(), CONTEXT, generation=1, count=1)

    containers = [manifest["spec"]["template"]["spec"]["containers"][0] for manifest in (small, large)]
    limits = [int(container["resources"]["limits"]["memory"]) for container in containers]
    assert limits[0] < 400 * 2**20 < 3 * GI < limits[1]


def test_a_keeper_stays_off_machines_that_may_be_taken_away() -> None:
    assert "gke-spot" in json.dumps(make_consumers(spec(pod={"spot": True})))
    assert "gke-spot" not in json.dumps(make_keeper(spec(pod={"spot": True})))


def test_who_stands_in_for_a_consumer_on_spot_runs_on_a_machine_that_stays() -> None:
    stand_in = make_consumers(spec(pod={"spot": True}), on_demand=True)

    assert "gke-spot" not in json.dumps(stand_in)
    assert stand_in["metadata"]["labels"]["kubeque/machines"] == "on-demand"
    assert stand_in["spec"]["template"] == make_consumers(spec())["spec"]["template"]


@pytest.mark.parametrize("name", ["x", "A job / of ten thousand words " * 9 + "é", "---", "UPPER_case.9"])
def test_names_fit_into_kubernetes_and_lead_back_to_the_fleet(name: str) -> None:
    fleet = fleet_name(name)
    pod = f"{kubernetes_job_name(fleet, 15, 123)}-9999-a1b2c"

    assert fleet_of(pod) == fleet
    assert len(pod) <= 63
    assert fleet_name(name) != fleet


def test_other_peoples_pods_are_nobodys() -> None:
    assert fleet_of("nginx-7c5ddbdf54-abcde") is None
    assert fleet_of("") is None
    assert slug("Ümläut und so", 20) == "ml-ut-und-so"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ({"spec": {"restartPolicy": "Always"}}, "restartPolicy must be Never"),
        ({"spec": {"containers": [{"image": "x"}]}}, "a member of containers has no name"),
        ({"spec": {"containers": [{"name": "task", "command": ["sh"]}]}}, "'task' must not set command"),
        (
            {"spec": {"containers": [{"name": "task", "volumeMounts": [{"name": "data", "mountPath": "/d"}]}]}},
            "no volume",
        ),
        ({"metdata": {}}, "`metadata` and `spec`"),
        ({"metadata": {"labels": {"kubeque/fleet": "x"}}}, "the label 'kubeque/fleet'"),
        ({"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"}}}, "the label 'app.kubernetes.io/man"),
    ],
)
def test_a_template_that_would_break_the_consumer_is_refused(template: dict[str, Any], said: str) -> None:
    with pytest.raises(ResourceError, match=said):
        make_consumers(spec(pod={"pod_template": template}))
