"""A priority does nothing for jobs in pods. So it is refused, or a note names what to use instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubeque.clusters.kubernetes.api import KubernetesApi
from kubeque.clusters.kubernetes.cluster import KubernetesCluster
from kubeque.jobs.submission.fit_machine import fit
from kubeque.model.config.config import Config
from kubeque.model.errors import ResourceError
from kubeque.model.sweep.sweep import Sweep


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config.from_values({}, where="test", folder=tmp_path, environ={})


@pytest.fixture
def cluster(config: Config) -> KubernetesCluster:
    """A cluster that is never asked."""
    return KubernetesCluster(KubernetesApi(object, context="here", namespace="default"), config, "default")


def test_a_typed_priority_is_refused(cluster: KubernetesCluster, config: Config) -> None:
    with pytest.raises(ResourceError, match=r"the priority 5 has no effect in pods.*--priority-class NAME"):
        fit(Sweep(["true"], priority=5), cluster, config, typed=["priority"])


def test_a_priority_of_a_jobspec_gives_a_note(cluster: KubernetesCluster, config: Config) -> None:
    (note,) = fit(Sweep(["true"], priority=5), cluster, config).notes
    assert "--kueue-priority NAME" in note
    assert fit(Sweep(["true"]), cluster, config).notes == ()
