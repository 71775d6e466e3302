"""If a job wants fewer consumers than it has, some of them leave."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from kubeque.clusters.local import LocalCluster
from kubeque.clusters.machine import this_machine
from kubeque.clusters.slot import Slot
from kubeque.consumer.attempt.stop_signal import StopSignal
from kubeque.consumer.coordinator import Coordinator
from kubeque.consumer.decisions import Decisions
from kubeque.consumer.heartbeat import Heartbeat
from kubeque.consumer.hosts.ledger import Ledger
from kubeque.consumer.hosts.local import LocalHost
from kubeque.consumer.hosts.profile import ConsumerProfile
from kubeque.consumer.job_discovery import JobDiscovery
from kubeque.consumer.limit_checks import LimitChecks
from kubeque.model.job.job import Job
from kubeque.queues.backends.memory import MemoryBackend
from kubeque.queues.block import make_blocks
from kubeque.queues.claim import claim
from kubeque.queues.queue import Queue

PODS = [f"pod:kq-a-{at}:{at}" for at in range(4)]


@pytest.fixture
def queue() -> Queue:
    """A job that wants four consumers. Each of them holds a block."""
    queue = Queue(MemoryBackend())
    job = Job("j", "u" * 12, 8, "", fleet="f", consumers=4)
    queue.create(job, make_blocks(job.uid, job.n, 2))
    for owner in PODS:
        assert claim(queue, job, owner, reserve=1) is not None
    return queue


class Reviewer:
    """The heartbeat of a consumer that has seen the job as it was."""

    def __init__(self, queue: Queue, profile: ConsumerProfile, folder: Path) -> None:
        self._decisions = Decisions(profile)
        jobs, limit_checks, leaving = JobDiscovery(queue, "f"), LimitChecks(queue), threading.Event()
        stop = StopSignal()
        coordinator = Coordinator(
            self._decisions, jobs, limit_checks, stop=stop, reset_stop=stop.clear, leaving=leaving
        )
        slot = Slot(folder, profile.slot or 0)
        assert slot.take()
        host = LocalHost(
            "f", slot, LocalCluster(folder, ""), folder, profile, Ledger(folder, this_machine()), this_machine()
        )
        self._heartbeat = Heartbeat(queue, coordinator, jobs, limit_checks, host, leaving)
        self.review()

    def review(self) -> None:
        self._heartbeat.review_jobs()

    @property
    def retired(self) -> bool:
        return self._decisions.retired


def pod(queue: Queue, folder: Path, number: int, owner: str | None = None) -> Reviewer:
    home = folder / str(number)
    home.mkdir()
    return Reviewer(queue, ConsumerProfile(owner or PODS[number], size_class=0), home)


def want(queue: Queue, consumers: int) -> None:
    queue.update("j", lambda job: replace(job, consumers=consumers))


def test_the_last_by_name_leave(queue: Queue, tmp_path: Path) -> None:
    pods = [pod(queue, tmp_path, number) for number in range(4)]
    assert not any(pod.retired for pod in pods)

    want(queue, 2)
    for each in pods:
        each.review()

    assert [pod.retired for pod in pods] == [False, False, True, True]


def test_a_consumer_without_a_lease_is_not_counted(queue: Queue, tmp_path: Path) -> None:
    idle = pod(queue, tmp_path, 0, "pod:kq-z:9")
    want(queue, 1)
    idle.review()

    assert not idle.retired  # it leaves by itself when it finds nothing to do


def test_on_one_machine_the_slots_decide_so_that_no_consumer_is_started_in_place_of_one_that_left(
    queue: Queue, tmp_path: Path
) -> None:
    slots = [Reviewer(queue, ConsumerProfile(f"local:m:{at}:1", slot=at), tmp_path) for at in range(3)]
    want(queue, 1)
    for slot in slots:
        slot.review()

    assert [slot.retired for slot in slots] == [False, True, True]


def test_a_consumer_that_came_when_fewer_were_wanted_already_stays(queue: Queue, tmp_path: Path) -> None:
    want(queue, 1)
    late = pod(queue, tmp_path, 3)
    late.review()

    assert not late.retired


def test_a_consumer_leaves_whose_home_was_removed(queue: Queue, tmp_path: Path) -> None:
    consumer = Reviewer(queue, ConsumerProfile("local:m:1:1", slot=0), tmp_path)
    (tmp_path / "0.slot").unlink()
    consumer.review()

    assert consumer.retired
