"""Labels and annotations for administrators."""

from __future__ import annotations

import re

import pytest

from kubeque.clusters.kubernetes.manifests.object_labels import label_value, make_annotations, make_labels
from kubeque.clusters.kubernetes.manifests.pod_manifest import ManifestContext
from kubeque.clusters.kubernetes.object_names import KEEPER
from kubeque.model.job.job import Job

CONTEXT = ManifestContext("team-a", "registry/kubeque-consumer:0.3.0", "postgresql://me@db/queue", "aaaabbbbcccc")
AIRFLOW = {
    "deployment": "https://airflow", "dag": "nightly", "run": "scheduled__2026-11-29T00:00:00+00:00", "task": "sweep",
    "map_index": "-1", "try": "2",
}  # fmt: skip


def job(**changes: object) -> Job:
    return Job("pi", "u" * 12, 10, "gs://b/x", fleet="pi-abcdefghijkm", **changes)  # type: ignore[arg-type]


def test_objects_have_the_recommended_labels() -> None:
    found = make_labels(job(), 0, CONTEXT)

    assert {key.removeprefix("app.kubernetes.io/"): found[key] for key in found if key.startswith("app.")} == {
        "name": "kubeque-consumer", "instance": "pi-abcdefghijkm", "version": "0.3.0", "component": "consumer",
        "part-of": "kubeque", "managed-by": "kubeque",
    }  # fmt: skip


def test_a_keeper_is_not_labelled_as_a_consumer() -> None:
    found = make_labels(job(), KEEPER, CONTEXT)

    assert (found["app.kubernetes.io/name"], found["app.kubernetes.io/component"]) == ("kubeque-keeper", "keeper")


def test_an_image_without_a_version_gives_no_label() -> None:
    context = ManifestContext("team-a", "registry/kubeque-consumer@sha256:" + "a" * 64, "", "aaaabbbbcccc")

    assert "app.kubernetes.io/version" not in make_labels(job(), 0, context)


def test_a_sweep_of_airflow_has_the_labels_of_the_kubernetes_pod_operator() -> None:
    from airflow.providers.cncf.kubernetes.pod_generator import make_safe_label_value

    found = make_labels(job(origin=AIRFLOW), 0, CONTEXT)

    assert {key: found.get(key) for key in ("dag_id", "task_id", "run_id", "try_number", "map_index")} == {
        "dag_id": "nightly", "task_id": "sweep", "run_id": make_safe_label_value(AIRFLOW["run"]), "try_number": "2",
        "map_index": None,
    }  # fmt: skip
    mapped = make_labels(job(origin={**AIRFLOW, "map_index": "7"}), 0, CONTEXT)
    assert mapped["map_index"] == "7"


def test_only_a_sweep_of_airflow_has_them() -> None:
    assert not {"dag_id", "task_id", "run_id"} & set(make_labels(job(), 0, CONTEXT))


@pytest.mark.parametrize(
    "text",
    ["plain", "x" * 64, "_hidden_", "été", "a b", "日本", "-", "a" * 62 + "-", "manual__2026", "\x1b[31m", "é_a"],
)
def test_any_text_becomes_a_valid_value(text: str) -> None:
    from airflow.providers.cncf.kubernetes.pod_generator import make_safe_label_value

    found = label_value(text)

    assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", found)
    if re.search("[A-Za-z0-9]", text):
        assert found == make_safe_label_value(text)


def test_the_submitter_is_an_annotation() -> None:
    assert make_annotations(job(submitter="ana")) == {"kubeque/job": "pi", "kubeque/submitter": "ana"}
    assert make_annotations(job()) == {"kubeque/job": "pi"}
