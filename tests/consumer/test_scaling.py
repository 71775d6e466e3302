"""Fewer consumers are wanted than there are: which of them leave."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from kubeque.consumer.attempt.stop_signal import StopSignal
from kubeque.consumer.heartbeat import Heartbeat
from kubeque.consumer.settings import Settings
from kubeque.consumer.task_source import TaskSource
from kubeque.files.store import Files
from kubeque.model.job.job import Job
from kubeque.queues.backends.memory import MemoryBackend
from kubeque.queues.block import make_blocks
from kubeque.queues.lease import claim
from kubeque.queues.queue import Queue

PODS = [f"pod:kq-a-{at}:{at}" for at in range(4)]


@pytest.fixture
def queue() -> Queue:
    """A job that wants four consumers, each of which holds a block of it."""
    queue = Queue(MemoryBackend())
    job = Job("j", "u" * 12, 8, "", fleet="f", consumers=4)
    queue.create(job, make_blocks(job.uid, job.n, 2))
    for owner in PODS:
        assert claim(queue, job, owner, reserve=1) is not None
    return queue


def look(queue: Queue, settings: Settings) -> Heartbeat:
    """A consumer that has seen the job as it was."""
    supply = TaskSource(queue, Files(), settings)
    renewal = Heartbeat(queue, supply, settings, stop=StopSignal(), leaving=threading.Event())
    renewal._look_at_jobs()
    return renewal


def want(queue: Queue, consumers: int) -> None:
    queue.update("j", lambda job: replace(job, consumers=consumers))


def test_those_above_leave_and_the_others_stay(queue: Queue, tmp_path: Path) -> None:
    pods = [look(queue, Settings("f", owner, tmp_path, size_class=0)) for owner in PODS]
    assert not any(pod.surplus for pod in pods)

    want(queue, 2)
    for pod in pods:
        pod._look_at_jobs()

    assert [pod.surplus for pod in pods] == [False, False, True, True]


def test_who_holds_nothing_is_none_too_many(queue: Queue, tmp_path: Path) -> None:
    idle = look(queue, Settings("f", "pod:kq-z:9", tmp_path, size_class=0))
    want(queue, 1)
    idle._look_at_jobs()

    assert not idle.surplus  # it leaves by itself when it finds nothing to do


def test_on_one_machine_the_places_decide_so_that_nobody_is_started_in_place_of_who_left(
    queue: Queue, tmp_path: Path
) -> None:
    places = [look(queue, Settings("f", f"local:m:{at}:1", tmp_path, slot=at)) for at in range(3)]
    want(queue, 1)
    for place in places:
        place._look_at_jobs()

    assert [place.surplus for place in places] == [False, True, True]


def test_who_came_when_fewer_were_wanted_already_stays(queue: Queue, tmp_path: Path) -> None:
    want(queue, 1)
    late = look(queue, Settings("f", PODS[3], tmp_path, size_class=0))
    late._look_at_jobs()

    assert not late.surplus
