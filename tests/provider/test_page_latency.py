"""Airflow's API server while large tables are sorted on the page."""

# ruff: noqa: F811
from __future__ import annotations

import json
import statistics
import threading
import time
import urllib.request
from typing import Any

import pytest
from airflow import __version__

from kubeque.jobs.backends import Backends
from kubeque_provider.page.reading import stop_reading
from tests.provider.test_page import a_sweep, address, backends  # noqa: F401

pytestmark = [
    pytest.mark.skipif(not __version__.startswith("3.3"), reason="the process is the same everywhere"),
    pytest.mark.timeout(900),
    pytest.mark.soak,  # it measures times
]
_CALLS = 50


def fetch(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=500) as answer:
        return json.load(answer)


def latencies(url: str) -> list[float]:
    found = []
    for _ in range(_CALLS):
        began = time.perf_counter()
        fetch(url)
        found.append(time.perf_counter() - began)
    return found


def test_calls_of_the_rest_api_take_less_than_twice_as_long_during_five_sorts(backends: Backends, address: str) -> None:
    # Given a sweep of 100,000 rows that nobody has looked at
    a_sweep(backends, "many", "mine", n=100_000, run=False)
    dags = f"{address.removesuffix('/kubeque')}/api/v2/dags?limit=5"
    latencies(dags)
    usual = latencies(dags)
    stop_reading()

    # When five users sort it by different columns, each from a fresh cache
    said: dict[str, Any] = {}

    def sort(column: str, down: str) -> None:
        said[column + down] = fetch(f"{address}/data/table?job=many&sort={column}&down={down}")

    sorts = [("lr", "1"), ("lr", ""), ("note", "1"), ("note", ""), ("index", "1")]
    users = [threading.Thread(target=sort, args=one) for one in sorts]
    for user in users:
        user.start()
    during = latencies(dags)
    busy = sum(user.is_alive() for user in users)
    for user in users:
        user.join()

    # Then the other calls have not become slow
    assert [row[0] for row in said["lr1"]["rows"][:2]] == [99_999, 99_998]
    ratio = statistics.median(during) / statistics.median(usual)
    for name, found in (("usual", usual), ("during the sorts", during)):
        print(f"{name}: median {statistics.median(found) * 1000:.1f} ms, longest {max(found) * 1000:.1f} ms")
    print(f"ratio {ratio:.2f}; {busy} sorts were not finished")
    assert ratio < 2
