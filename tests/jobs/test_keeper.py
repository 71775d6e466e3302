"""The keeper: looks until the job has ended, whatever does not answer meanwhile, and leaves when nobody needs it."""

from __future__ import annotations

from dataclasses import replace

from kubeque.jobs.backends import Site
from kubeque.jobs.keeper import keep
from kubeque.model.errors import QueueUnavailable
from tests.jobs.sweeps import Ended, ended_job

ROWS = [{"n": str(n)} for n in range(3)]


def test_it_closes_a_job_whose_tasks_have_ended_and_writes_its_table(site: Site) -> None:
    job = ended_job(site, ROWS, lambda index: Ended())

    assert keep(site, job.name, job.uid) == "it has ended"
    assert site.queue.job(job.name).closing is not None
    assert list((site.config.home / "results").rglob("results*.csv"))


def test_a_queue_that_is_away_is_waited_for_ever_longer(site: Site) -> None:
    job = ended_job(site, ROWS, lambda index: Ended())
    pauses: list[float] = []
    find, site.queue.find = site.queue.find, lambda name: away()  # type: ignore[method-assign]

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 8:
            site.queue.find = find  # type: ignore[method-assign]

    assert keep(site, job.name, job.uid, sleep=sleep) == "it has ended"
    assert pauses[0] < 10 < pauses[-1] < 40


def test_it_leaves_when_its_job_is_gone_or_another_has_its_name(site: Site) -> None:
    job = ended_job(site, ROWS, lambda index: Ended())

    assert keep(site, job.name, "another-uid") == "another job has its name"
    site.queue.remove(job.name)
    assert keep(site, job.name, job.uid) == "it was removed"


def test_a_job_that_is_held_needs_nobody(site: Site) -> None:
    job = ended_job(site, ROWS, lambda index: Ended())
    site.queue.update(job.name, lambda now: replace(now, canaries=1, n=4))  # one more is held

    assert keep(site, job.name, job.uid) == "it is held until somebody says go"


def away() -> None:
    raise QueueUnavailable("it is away")
