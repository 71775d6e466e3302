"""A job pauses after somebody deleted one of its Kubernetes Jobs, and only then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from kubeque.client import Client
from kubeque.clusters.base import SeenObjects
from kubeque.clusters.kubernetes.api import Address, KubernetesApi
from kubeque.clusters.kubernetes.cluster import KubernetesCluster
from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.control import pause, resume
from kubeque.jobs.upkeep.deleted_objects import find_deleted, note_objects, pause_if_deleted
from kubeque.jobs.upkeep.progress import PatientCluster, why_waiting
from kubeque.model.command.command import parse_word
from kubeque.model.config.config import Config
from kubeque.model.job.changes import close_job
from kubeque.model.job.counts import Counts, Tally
from kubeque.model.job.job import Job
from kubeque.model.job.pause import ClusterObjects
from kubeque.model.job.spec import JobSpec
from kubeque.model.rows.grid import sequence
from kubeque.queues.open import open_queue
from tests.servers.api_server import ApiServer

SPEC = JobSpec((parse_word("true"),), sequence(2), image="i")
JOBS = "/apis/batch/v1/namespaces/n/jobs"
FIRST = "kq-pi-aaaaaaaaaaa2-0-1"


@dataclass
class Place:
    """A queue with one job, and a namespace."""

    server: ApiServer
    backends: Backends
    config: Config

    def cluster(self) -> KubernetesCluster:
        """Return the namespace as a different process sees it."""
        address = Address(f"https://{self.server.endpoint}", self.server.certificate.read_bytes(), lambda: "a-token")
        return KubernetesCluster(KubernetesApi.at(lambda: address, context="c", namespace="n"), self.config, "n")

    @property
    def job(self) -> Job:
        return self.backends.queue.job("pi")

    def start(self) -> None:
        """Start the missing consumers of the job, and note the Kubernetes Jobs, as each program that waits does."""
        self.cluster().ensure(self.job, SPEC, {0: Tally(pending=2)})
        note_objects(self.backends, self.job, self.cluster())

    def look(self) -> Job:
        return pause_if_deleted(self.backends, self.job, self.cluster())

    def delete(self, name: str = FIRST) -> None:
        del self.server.objects[f"{JOBS}/{name}"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    server = ApiServer(tmp_path, "a-token")
    server.objects["/api/v1/namespaces/n/serviceaccounts/default"] = {"metadata": {"uid": "first"}}
    server.start()
    values = {"queue_url": f"sqlite:///{tmp_path}/queue.sqlite", "default_url_prefix": "s3://b/r",
              "cluster_url": "kubernetes://", "consumer_image": "c"}  # fmt: skip
    config = Config.from_values(values, where="test", folder=tmp_path, home=tmp_path, environ={})
    with Client(replace(config, cluster_url="local")) as client:
        backends = replace(client._backends, queue=open_queue(config.queue_url))
        backends.queue.create(Job("pi", "aaaaaaaaaaa2", 2, "s3://b/r/pi", fleet="pi-aaaaaaaaaaa2", consumers=2), [])
        yield Place(server, backends, config)
        backends.queue.close()
    server.stop()


def test_a_deleted_kubernetes_job_pauses_the_sweep_with_a_reason(place: Place) -> None:
    place.start()
    assert not place.look().paused

    place.delete()

    found = place.look()
    assert found.paused
    (why,) = why_waiting(found, Counts(pending=2), 0, PatientCluster(place.cluster()))
    assert f"the Kubernetes Job {FIRST} was deleted (seen 20" in why
    assert "kubeque resume pi" in why


def test_resume_starts_it_again(place: Place) -> None:
    place.start()
    place.delete()
    place.look()

    resume(place.backends, "pi")

    assert not place.look().paused
    place.start()
    assert f"{JOBS}/{FIRST}" in place.server.objects


def test_one_deleted_of_several_pauses_it_too(place: Place) -> None:
    place.start()
    other = place.server.objects[f"{JOBS}/{FIRST}"]
    second = FIRST.removesuffix("1") + "2"
    place.server.objects[f"{JOBS}/{second}"] = {**other, "metadata": {**other["metadata"], "name": second}}
    note_objects(place.backends, place.job, place.cluster())

    place.delete(second)

    assert place.look().paused


def set_status(place: Place, **status: Any) -> None:
    place.server.objects[f"{JOBS}/{FIRST}"]["status"] = status


def test_a_kubernetes_job_that_ended_is_not_missed_after_its_removal(place: Place) -> None:
    place.start()
    set_status(place, conditions=[{"type": "Complete", "status": "True"}])
    note_objects(place.backends, place.job, place.cluster())

    place.delete()

    assert not place.look().paused


def test_deleted_by_stop_and_by_a_pause_is_not_a_reason(place: Place) -> None:
    place.start()
    at = place.backends.queue.now()
    place.backends.queue.update("pi", lambda job: replace(job, sent_home=at))
    place.delete()
    assert not place.look().paused

    place.start()
    pause(place.backends, "pi")
    place.delete()
    resume(place.backends, "pi")
    assert not place.look().paused


def test_a_namespace_that_was_made_anew_is_no_reason(place: Place) -> None:
    place.start()
    place.delete()
    place.server.objects["/api/v1/namespaces/n/serviceaccounts/default"] = {"metadata": {"uid": "second"}}

    assert not place.look().paused
    place.start()
    assert place.job.objects is not None
    assert place.job.objects.place == "second"


def test_an_account_that_may_not_read_the_place_still_notices(place: Place) -> None:
    place.server.unreadable = ("serviceaccounts/default",)
    place.start()
    place.delete()

    assert place.look().paused


def test_an_old_answer_of_the_server_is_asked_again(place: Place) -> None:
    cluster = place.cluster()
    assert cluster.objects(place.job) == SeenObjects()  # then a different process starts the consumers
    place.start()

    assert not pause_if_deleted(place.backends, place.job, cluster).paused


def test_nothing_is_written_while_nothing_changes(place: Place) -> None:
    place.start()
    before = place.job

    note_objects(place.backends, before, place.cluster())

    assert place.job == before


def test_what_was_seen_long_ago_may_have_ended_by_itself() -> None:
    job = Job("pi", "u", 2, "", objects=ClusterObjects("p", ("a",), 1000.0))

    assert find_deleted(job, SeenObjects(), 4599.0) == ("a",)
    assert find_deleted(job, SeenObjects(), 4600.0) == ()
    assert find_deleted(job, SeenObjects(frozenset({"a"})), 1001.0) == ()
    assert find_deleted(job, SeenObjects(frozenset(), frozenset({"a"})), 1001.0) == ()


def test_the_end_of_a_job_forgets_its_objects() -> None:
    job = Job("pi", "u", 2, "", objects=ClusterObjects("p", ("a",), 1.0))

    assert close_job(job, Counts(ok=2), 5.0).objects is None


def test_the_objects_are_stored_with_the_job() -> None:
    job = Job("pi", "u", 2, "", objects=ClusterObjects("p", ("a", "b"), 1.0))

    assert Job.from_wire(job.to_wire()).objects == job.objects
