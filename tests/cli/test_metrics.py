"""`kubeque metrics` as users and Prometheus read it."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.conftest import Shell
from tests.waiting import until

DEPLOY = Path(__file__).parents[2] / "deploy" / "prometheus"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Samples:
    """Return the value of each sample by its name and labels."""
    families = list(text_string_to_metric_families(text))
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


def test_metrics_agree_with_status_during_a_sweep_with_a_kill(shell: Shell) -> None:
    script = "case {n} in 1) exit 3;; 2) kill -9 $$;; *) exec sleep 600;; esac"
    shell.run("sub", "-n", "s", "--no-wait", "--consumers", "2", "--grid", "n=1..5", "--shell", "--", script)
    until("two failures and two running tasks", lambda: counts(shell)["failed"] == 2 and counts(shell)["running"] == 2)
    listed = shell.run("status", "s", "--tasks", "--state", "pending", "--json").stdout
    shell.run("kill", "s", "--index", str(json.loads(listed.splitlines()[0])["index"]))
    until("the end of the killed row, which a consumer may have reserved", lambda: counts(shell)["killed"] == 1)

    samples = read(shell.run("metrics").stdout)

    assert {state: value(samples, "kubeque_tasks", job="s", state=state) for state in counts(shell)} == counts(shell)
    assert value(samples, "kubeque_failed_tasks", job="s", cause="exit") == 1
    assert value(samples, "kubeque_failed_tasks", job="s", cause="signal") == 1
    assert value(samples, "kubeque_failed_tasks", job="s", cause="killed") == 1
    assert value(samples, "kubeque_consumers", job="s", kind="wanted") == 2
    assert value(samples, "kubeque_consumers", job="s", kind="running") == 2
    assert value(samples, "kubeque_queue_up") == 1
    assert (value(samples, "kubeque_queue_seconds") or -1) >= 0
    shell.run("kill", "s")


def counts(shell: Shell) -> dict[str, int]:
    found = json.loads(shell.run("status", "s", "--json").stdout)["counts"]
    assert isinstance(found, dict)
    return {
        state: count
        for state, count in found.items()
        if state in ("pending", "running", "ok", "failed", "killed", "held")
    }


def test_a_name_of_a_job_cannot_add_a_sample(shell: Shell) -> None:
    name = 'a",x="1'
    shell.run("sub", "-n", name, "--repeat", "1", "true")

    samples = read(shell.run("metrics").stdout)

    assert value(samples, "kubeque_tasks", job=name, state="ok") == 1
    assert {labels for labels in samples if dict(labels[1]).keys() - {"job", "state", "cause", "kind"}} == set()


def test_without_a_job_there_are_the_metrics_of_the_queue(shell: Shell) -> None:
    samples = read(shell.run("metrics").stdout)

    assert {name for name, _ in samples} == {"kubeque_queue_up", "kubeque_queue_seconds"}


@pytest.fixture
def port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def served(shell: Shell, port: int) -> Iterator[str]:
    with shell.start("metrics", "--listen", str(port)) as server:
        assert server.stderr is not None
        yield server.stderr.readline().strip()
        server.terminate()


def test_they_are_served(shell: Shell, served: str) -> None:
    shell.run("sub", "-n", "s", "--repeat", "3", "true")

    with urlopen(served, timeout=30) as answer:
        samples = read(answer.read().decode())

    assert value(samples, "kubeque_tasks", job="s", state="ok") == 3


def test_a_port_in_use_and_a_wrong_address_are_one_line(shell: Shell, port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        used = shell.run("metrics", "--listen", f"127.0.0.1:{port}")
    wrong = shell.run("metrics", "--listen", "everywhere")

    assert (used.returncode, used.stderr.count("\n")) == (2, 1)
    assert f"cannot listen on 127.0.0.1:{port}" in used.stderr
    assert wrong.returncode == 2
    assert "'everywhere' is not HOST:PORT" in wrong.stderr


def test_alerts_and_dashboard_use_metrics_that_exist() -> None:
    source = (Path(__file__).parents[2] / "kubeque" / "jobs" / "inspection" / "metrics.py").read_text()
    known = set(re.findall(r'"(kubeque_\w+)"', source))
    alerts = [
        rule["expr"]
        for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"]
        for rule in group["rules"]
    ]
    panels = [
        target["expr"]
        for panel in json.loads((DEPLOY / "dashboard.json").read_text())["panels"]
        for target in panel["targets"]
    ]

    assert len(alerts) == 3
    assert {name for expr in [*alerts, *panels] for name in re.findall(r"kubeque_\w+", expr)} <= known
    assert known
