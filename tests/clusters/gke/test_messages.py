"""The gcloud commands for a person with more permissions: they make what the messages to the API make."""

from __future__ import annotations

import shlex

import pytest

from kubeque.clusters.gke.messages import create_line, pool_line
from kubeque.model.config.node_pools import NodePool, NodeRange

GI = 1 << 30
#: A pool, and the options of gcloud for it in a region.
POOLS = {
    "plain": (NodePool("p", NodeRange(4, 4), "n2-standard-8"), {"--num-nodes=2", "--machine-type=n2-standard-8"}),
    "growing": (
        NodePool("p", NodeRange(0, 9)),
        {"--enable-autoscaling", "--total-min-nodes=0", "--total-max-nodes=9", "--location-policy=ANY"},
    ),
    "spot": (NodePool("p", NodeRange(1, 1), spot=True), {"--spot"}),
    "disk": (NodePool("p", NodeRange(1, 1), disk_size=200 * GI), {"--disk-size=200GB"}),
    "ssd": (NodePool("p", NodeRange(1, 1), local_ssd_count=2), {"--ephemeral-storage-local-ssd=count=2"}),
    "gpu": (
        NodePool("p", NodeRange(1, 1), gpu_type="nvidia-l4", gpu_count=2),
        {"--accelerator=type=nvidia-l4,count=2,gpu-driver-version=default"},
    ),
}


@pytest.mark.parametrize("kind", POOLS)
def test_the_first_pool_and_a_further_pool_get_the_same_options(kind: str) -> None:
    pool, wanted = POOLS[kind]
    created = shlex.split(create_line("proj", "europe-west1", "sweeps", pool))
    added = shlex.split(pool_line("proj", "europe-west1", "sweeps", pool))

    always = {"--workload-metadata=GKE_METADATA", "--scopes=cloud-platform"}
    assert wanted | always <= set(added)
    assert set(added) - {"node-pools", "p", "--cluster=sweeps"} <= set(created)
    assert {
        "--workload-pool=proj.svc.id.goog", "--release-channel=regular", "--enable-ip-alias",
        "--autoscaling-profile=optimize-utilization",
    } <= set(created)  # fmt: skip
