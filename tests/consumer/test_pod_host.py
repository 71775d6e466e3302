"""A consumer in a pod: its settings, its files for other programs, and the size classes that it serves."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from kubeque.clusters import in_pod
from kubeque.clusters.in_pod import queue_url, write_termination_message
from kubeque.consumer.hosts.pod import PodHost
from kubeque.consumer.hosts.profile import ConsumerProfile
from kubeque.model.errors import ConfigError
from kubeque.model.job.job import Job
from kubeque.model.job.shapes import Shape, grow_shapes
from kubeque.model.job.spec import JobSpec
from kubeque.model.quantities import MI
from kubeque.model.rows.grid import sequence

GI = 1024 * MI


def test_it_is_known_by_its_pod_and_its_commands_inherit_what_the_container_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBEQUE_POD_NAME", "kq-a-0-1-0-abcde")
    monkeypatch.setenv("KUBEQUE_POD_UID", "12-34")
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "17")
    monkeypatch.setenv("KUBEQUE_QUEUE_URL", "postgresql://me@db/q")
    for name, value in (("LD_LIBRARY_PATH", "/usr/local/nvidia/lib64"), ("PWD", "/ours"), ("_", "x")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", None)

    host = PodHost.open("a", 2, tmp_path / "work", linger_seconds=5.0)

    assert (host.profile.owner, host.profile.size_class, host.fleet) == ("pod:kq-a-0-1-0-abcde:12-34", 2, "a")
    assert host.number == 17
    found = host.environment_of(Job("a", "u", 1, ""), JobSpec((), sequence(1).to_spec())).variables
    # Nothing of kubeque, of the process, or that the consumer itself was given
    assert found["LD_LIBRARY_PATH"] == "/usr/local/nvidia/lib64"
    assert not {"SSL_CERT_FILE", "KUBEQUE_QUEUE_URL", "KUBEQUE_POD_NAME", "PWD", "_"} & set(found)
    assert queue_url() == "postgresql://me@db/q"


def test_outside_of_a_pod_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBEQUE_POD_NAME", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", None)
    with pytest.raises(ConfigError, match="KUBEQUE_POD_NAME is not set"):
        PodHost.open("a", 0, tmp_path, linger_seconds=5.0)


def test_the_last_words_are_what_was_said_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "termination-log"
    monkeypatch.setattr(in_pod, "_TERMINATION_LOG", log)
    write_termination_message("nobody listens")
    assert not log.exists()

    log.touch()
    write_termination_message('{"index": 1234}')
    write_termination_message("ä" * 5000)
    assert len(log.read_bytes()) <= 2000
    write_termination_message("")
    assert log.read_bytes() == b""


def test_a_container_serves_its_own_class_and_those_below_the_floor_that_came_to_it() -> None:
    job = Job("j", "u", 9, "", shapes=grow_shapes(Shape(GI), 4 * GI))
    profile = ConsumerProfile("o", size_class=1)

    assert profile.size_classes(job) == [1]
    assert profile.size_classes(replace(job, floor=1)) == [0, 1]
    assert profile.size_classes(replace(job, floor=2)) == []
    assert replace(profile, size_class=None).size_classes(job) is None
