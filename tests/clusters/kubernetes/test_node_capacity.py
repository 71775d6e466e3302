"""The free capacity of nodes: their resources minus the requests of pods."""

from __future__ import annotations

from typing import Any

import pytest

from kubeque.clusters.kubernetes.node_capacity import (
    format_amount,
    largest_free_amount,
    parse_quantity,
    requested_amount,
)
from kubeque.model.quantities import MI

GI = 1024 * MI


def node(name: str, memory: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": spec, "status": {"allocatable": {"memory": memory, "cpu": "2"}}}


def pod(where: str, memory: str, phase: str = "Running") -> dict[str, Any]:
    containers = [{"resources": {"requests": {"memory": memory}}}]
    return {"spec": {"nodeName": where, "containers": containers}, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("text", "amount"), [("500m", 0.5), ("2", 2.0), ("1Gi", GI), ("100k", 1e5), ("1e3", 1e3), ("", 0.0), ("many", 0.0)]
)
def test_quantities_of_the_server_are_read(text: str, amount: float) -> None:
    assert parse_quantity(text) == pytest.approx(amount)


def test_what_ran_is_given_back_and_closed_nodes_have_no_room() -> None:
    nodes = [node("a", "4Gi"), node("b", "8Gi", unschedulable=True), node("c", "3Gi")]
    pods = [pod("a", "3Gi"), pod("a", "1Gi", "Succeeded"), pod("c", "1Gi"), pod("gone", "9Gi")]

    assert largest_free_amount(nodes, pods, "memory") == 2 * GI
    assert largest_free_amount([], [], "memory") == 0


def test_a_pod_asks_for_its_containers_or_for_its_largest_beginning() -> None:
    spec = {
        "containers": [{"resources": {"requests": {"cpu": "1"}}}, {"resources": {"limits": {"cpu": "500m"}}}, {}],
        "initContainers": [{"resources": {"requests": {"cpu": "2"}}}],
    }
    assert requested_amount(spec, "cpu") == 2.0
    assert requested_amount(spec, "memory") == 0.0
    assert (format_amount(1.5 * GI, "memory"), format_amount(0.5, "cpu")) == ("1.5Gi", "0.5")


def test_sidecars_run_beside_the_task_and_other_init_containers_before_it() -> None:
    def container(memory: str, **more: str) -> dict[str, Any]:
        return {"resources": {"requests": {"memory": memory}}, **more}

    spec = {
        "containers": [container("1Gi")],
        "initContainers": [container("1536Mi"), container("1Gi", restartPolicy="Always")],
    }

    assert requested_amount(spec, "memory") == 2 * GI
