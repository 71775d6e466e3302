"""The keeper observes a job until it has ended, whatever does not answer meanwhile. It leaves when it is not needed."""

from __future__ import annotations

from dataclasses import replace

from kubeque.jobs.backends import Backends
from kubeque.jobs.keeper import keep
from kubeque.model.errors import ClusterUnavailable, QueueUnavailable
from kubeque.model.job.job import Job
from tests.jobs.sweeps import Ended, ended_job

ROWS = [{"n": str(n)} for n in range(3)]


def test_it_closes_a_job_whose_tasks_have_ended_and_writes_its_table(backends: Backends) -> None:
    job = ended_job(backends, ROWS, lambda index: Ended())

    assert keep(backends, job.name, job.uid) == "the job has ended"
    assert backends.queue.job(job.name).closing is not None
    assert list((backends.config.home / "results").rglob("results*.csv"))


def test_a_queue_that_is_away_is_waited_for_ever_longer(backends: Backends) -> None:
    job = ended_job(backends, ROWS, lambda index: Ended())
    pauses: list[float] = []
    find, backends.queue.find = backends.queue.find, lambda name: away()  # type: ignore[method-assign]

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 8:
            backends.queue.find = find  # type: ignore[method-assign]

    assert keep(backends, job.name, job.uid, sleep=sleep) == "the job has ended"
    assert pauses[0] < 10 < pauses[-1] < 40


def test_it_leaves_when_its_job_is_gone_or_another_has_its_name(backends: Backends) -> None:
    job = ended_job(backends, ROWS, lambda index: Ended())

    assert keep(backends, job.name, "another-uid") == "another job has its name"
    backends.queue.remove(job.name)
    assert keep(backends, job.name, job.uid) == "the job was removed"


def test_a_job_that_is_held_needs_nobody(backends: Backends) -> None:
    job = ended_job(backends, ROWS, lambda index: Ended())
    backends.queue.update(job.name, lambda now: replace(now, canaries=1, n=4))  # one more is held

    assert keep(backends, job.name, job.uid) == "tasks of the job are held until a user runs kubeque go"


def test_it_deletes_what_is_left_in_the_cluster_before_it_leaves(backends: Backends) -> None:
    job = ended_job(backends, ROWS, lambda index: Ended())
    keep(backends, job.name, job.uid)
    asked: list[float] = []

    def finish(job: Job, *, removed: bool = False) -> None:
        if len(asked) < 2:
            raise ClusterUnavailable("it is away")
        asked.append(-1.0)

    backends.cluster.finish = finish  # type: ignore[method-assign]
    assert keep(backends, job.name, job.uid, sleep=asked.append) == "the job has ended"
    assert asked[0] < asked[1]
    assert asked[2:] == [-1.0]


def away() -> None:
    raise QueueUnavailable("it is away")
