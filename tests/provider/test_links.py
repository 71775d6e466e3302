"""Links to a sweep, on Airflow's pages and in the event of an asset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from kubeque_provider.airflow_versions import AIRFLOW_2, Asset
from kubeque_provider.get_provider_info import get_provider_info
from kubeque_provider.links.sweep import SWEEP_LINKS, folder_page
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.page.routes import respond
from kubeque_provider.sensors.job import KubequeJobSensor
from tests.provider.people import everybody

Execute = Callable[..., Any]


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("gs://b/r/a job/1", "https://console.cloud.google.com/storage/browser/b/r/a%20job/1"),
        ("s3://b/r/j", "https://console.aws.amazon.com/s3/buckets/b?prefix=r/j/"),
        ("/home/me/r", ""),
        ("memory://r/j", ""),
    ],
)
def test_results_have_a_link_only_where_a_store_has_pages(url: str, page: str) -> None:
    assert folder_page(url) == page


def test_a_path_cannot_become_another_address() -> None:
    assert folder_page('gs://b/"><script>?x#y').endswith("/b/%22%3E%3Cscript%3E%3Fx%23y")


def test_each_link_leads_somewhere_from_the_submission_on(submit: Execute, wait: Execute, run: Any) -> None:
    # Given a sweep in a folder, before and after its end
    pointer = submit(["/bin/true"], wait=False)
    wait(pointer)

    # Then its page is inside Airflow's own page, its report is served by the page, and the folder has no link
    for task in ("submit", "wait"):
        page, report = urlsplit(run.xcoms[task, "kubeque_page"]), urlsplit(run.xcoms[task, "kubeque_report"])
        assert page.path == ("/kubeque/" if AIRFLOW_2 else "/plugin/kubeque-sweeps")
        assert dict(parse_qsl(page.query)) == {
            "conn": "kubeque_default", "job": pointer["job_id"], "dag": "a_dag", "run": "manual__2026-01-01",
        }  # fmt: skip
        answer = respond(report.path.removeprefix("/kubeque/"), dict(parse_qsl(report.query)), everybody)
        assert (answer.status, pointer["job_id"] in answer.body.decode()) == (200, True)
        assert run.xcoms[task, "kubeque_results"] == ""


def test_airflow_knows_the_links() -> None:
    known = get_provider_info()["extra-links"]
    assert [f"{type(link).__module__}.{type(link).__qualname__}" for link in SWEEP_LINKS] == known
    assert KubequeSubmitOperator.operator_extra_links == KubequeJobSensor.operator_extra_links == SWEEP_LINKS


@pytest.mark.parametrize("waits", ["submit", "submit deferred", "sensor"])
def test_the_event_of_an_asset_has_the_manifest(submit: Execute, run: Any, waits: str) -> None:
    # Given an Airflow task with an asset
    asset = Asset("s3://bucket/table")
    events = run.outlet_events
    events[asset].extra["mine"] = 1

    # When the sweep has ended
    if waits == "sensor":
        pointer = submit(["/bin/true"])
        made = KubequeJobSensor(task_id="wait", job_id=pointer, outlets=[asset])
    else:
        made = KubequeSubmitOperator(
            task_id="submit", command=["/bin/sleep", "0.5"], wait=True, deferrable="deferred" in waits,
            poke_interval=0.1, outlets=[asset],
        )  # fmt: skip
    pointer, _ = run.execute_deferred(lambda: made)

    # Then a DAG that the event starts can find it
    manifest = {key: pointer[key] for key in ("job_id", "results", "counts")}
    assert events[asset].extra == {"mine": 1, **manifest}
