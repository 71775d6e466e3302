"""Links to a sweep, on Airflow's pages and in the event of an asset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubeque_provider.airflow_versions import Asset
from kubeque_provider.get_provider_info import get_provider_info
from kubeque_provider.links.sweep import _FILES, _FOLDERS, SWEEP_LINKS, browser_url
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor

Execute = Callable[..., Any]


@pytest.mark.parametrize(
    ("url", "folder", "file"),
    [
        (
            "gs://b/r/a job/1",
            "https://console.cloud.google.com/storage/browser/b/r/a%20job/1",
            "https://storage.cloud.google.com/b/r/a%20job/1",
        ),
        (
            "s3://b/r/j",
            "https://console.aws.amazon.com/s3/buckets/b?prefix=r/j/",
            "https://console.aws.amazon.com/s3/object/b?prefix=r/j",
        ),
        ("/home/me/r", "/home/me/r", "/home/me/r"),
        ("memory://r/j", "memory://r/j", "memory://r/j"),
    ],
)
def test_a_store_with_pages_is_shown_by_them(url: str, folder: str, file: str) -> None:
    assert browser_url(url, _FOLDERS) == folder
    assert browser_url(url, _FILES) == file


def test_a_path_cannot_become_another_address() -> None:
    assert browser_url('gs://b/"><script>?x#y', _FOLDERS).endswith("/b/%22%3E%3Cscript%3E%3Fx%23y")


def test_the_links_are_there_before_the_end_and_the_report_in_the_end(submit: Execute, wait: Execute, run: Any) -> None:
    pointer = submit(["/bin/true"], wait=False)
    assert run.xcoms["submit", "kubeque_results"] == pointer["results"]
    wait(pointer)
    assert "<html" in Path(run.xcoms["wait", "kubeque_report"]).read_text()


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
