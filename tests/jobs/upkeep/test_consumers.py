"""The consumers that have leases, as the queue shows them."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import partial

import pytest

from kubeque.cli.output.job_text import format_job
from kubeque.jobs.backends import Backends
from kubeque.jobs.inspection.explain import explain_job
from kubeque.jobs.upkeep.consumers import list_consumers, send_home
from kubeque.jobs.upkeep.progress import read_progress
from kubeque.model.errors import JobNotFound, UserError
from kubeque.model.job.causes import Cause
from kubeque.model.job.changes import close_job, send_consumers_home
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.task import Outcome
from kubeque.queues import claim as claims
from kubeque.queues.running_command import RunningCommand
from tests.calls import count_calls
from tests.jobs.sweeps import Ended, ended_job
from tests.queues.makers import make_job

SLOT, POD, WORK = "local:0f3a.4.home:812:99001", "pod:kq-fit-0-3:1b2c", "work:lab7.0:ab12cd34"


def submit(backends: Backends, name: str, rows: int = 120) -> Job:
    return ended_job(backends, [{"x": str(x)} for x in range(rows)], lambda index: Ended(), name=name, run=False)


def test_each_consumer_has_its_place_its_tasks_and_its_times(backends: Backends) -> None:
    job = submit(backends, "fit")
    before = backends.queue.now()
    for owner in (WORK, POD):
        claims.claim(backends.queue, job, owner, reserve=2)
    command = RunningCommand()
    lease = claims.claim(backends.queue, job, SLOT, reserve=3, command=command)
    assert lease is not None
    index, attempt = lease.take() or (0, 0)
    lease.add_outcome(Outcome(index, attempt, Cause.OK, start=before - 60, seconds=1.0))
    second, _ = lease.take() or (0, 0)
    lease.begin_command(second)
    lease.commit()

    slot, pod, work = list_consumers(backends, "fit")

    assert [each.name for each in (slot, pod, work)] == [SLOT, POD, WORK]
    assert [each.place.name for each in (slot, pod, work)] == ["home", "kq-fit-0-3", "lab7"]
    assert (slot.job, slot.reserved, slot.running, slot.done) == ("fit", 2, second, 1)
    assert slot.running_since == pytest.approx(before, abs=60)
    assert slot.since == pytest.approx(before - 60, abs=0.01), "its first attempt in this block began then"
    assert (work.reserved, work.running, work.running_since, work.done) == (2, None, None, 0)
    assert before - 0.01 <= work.since <= work.heartbeat + 0.01 <= backends.queue.now() + 0.02


def test_an_attempt_with_the_time_of_a_wrong_clock_does_not_count_as_the_start(backends: Backends) -> None:
    job = submit(backends, "fit")
    lease = claims.claim(backends.queue, job, WORK, reserve=2)
    assert lease is not None
    index, attempt = lease.take() or (0, 0)
    lease.add_outcome(Outcome(index, attempt, Cause.OK, start=time.time() + 1e6, seconds=1.0))
    lease.commit()
    (found,) = list_consumers(backends)
    assert found.since <= found.heartbeat + 0.01


def test_all_jobs_are_listed_and_a_returned_lease_is_not(backends: Backends) -> None:
    first, second = submit(backends, "a"), submit(backends, "b")
    claims.claim(backends.queue, second, WORK, reserve=1)
    lease = claims.claim(backends.queue, first, WORK, reserve=1)
    assert [(each.job, each.name) for each in list_consumers(backends)] == [("a", WORK), ("b", WORK)]
    assert lease is not None
    lease.commit(release=True)
    assert [each.job for each in list_consumers(backends)] == ["b"]
    with pytest.raises(JobNotFound):
        list_consumers(backends, "c")


def test_only_leased_blocks_are_read(backends: Backends) -> None:
    calls = []
    for name, rows in (("small", 100), ("large", 3000)):
        claims.claim(backends.queue, submit(backends, name, rows), WORK, reserve=1)
        list_consumers(backends, name)  # fills caches
        calls.append(count_calls(partial(list_consumers, backends, name)))
    assert calls[1] < 1.2 * calls[0]


def test_all_consumers_of_kubeque_work_at_a_place_are_asked_and_old_requests_go(backends: Backends) -> None:
    job, other = submit(backends, "fit", 400), submit(backends, "eval", 400)
    second = WORK.replace(".0:", ".1:")
    lease = claims.claim(backends.queue, job, WORK, reserve=1)
    claims.claim(backends.queue, job, second, reserve=1)
    claims.claim(backends.queue, other, second, reserve=1)
    claims.claim(backends.queue, job, "work:lab8.0:11", reserve=1)
    claims.claim(backends.queue, job, SLOT.replace(".home:", ".lab7:"), reserve=1)
    needs = backends.queue.job("fit").needs

    assert send_home(backends, "lab7") == [WORK, second]

    assert backends.queue.job("fit").leaving == (WORK, second)
    assert backends.queue.job("eval").leaving == (second,)
    assert {each.name for each in list_consumers(backends) if each.leaves} == {WORK, second}
    assert backends.queue.job("fit").needs == needs, "an older consumer ignores the request"
    assert lease is not None
    lease.commit(release=True)
    assert send_home(backends, "work:lab8.0:11") == ["work:lab8.0:11"]
    assert backends.queue.job("fit").leaving == (WORK, second, "work:lab8.0:11")


def test_who_cannot_be_asked_is_said_with_what_to_do(backends: Backends) -> None:
    job = submit(backends, "fit", 400)
    with pytest.raises(UserError, match="'lab9': no consumer of kubeque work has tasks now"):
        send_home(backends, "lab9")
    for owner in (SLOT, WORK):
        claims.claim(backends.queue, job, owner, reserve=1)
    with pytest.raises(UserError, match=r"or a name that `kubeque consumers` lists: lab7 \(1\)$"):
        send_home(backends, "lab9")
    for target in ("home", SLOT):
        with pytest.raises(UserError, match="own cluster: `kubeque scale fit` with a smaller number"):
            send_home(backends, target)
    assert backends.queue.job("fit").leaving == ()


def test_many_old_requests_go() -> None:
    old = tuple(f"work:m{number}.0:aa" for number in range(60))
    assert send_consumers_home(make_job(leaving=old), [WORK], [WORK, old[7]]).leaving == (WORK, old[7])
    assert len(send_consumers_home(make_job(leaving=old[:50]), [WORK], [WORK]).leaving) == 51


def test_a_request_outlives_the_end_of_its_job() -> None:
    job = replace(make_job(), leaving=(WORK,))
    assert Job.from_wire(json.loads(json.dumps(job.to_wire()))) == job
    assert close_job(job, Counts(ok=4), 1.0).leaving == (WORK,), "the consumer may wait for other jobs"


def test_the_explanation_knows_the_needs_of_a_job_and_the_consumers_of_other_jobs(backends: Backends) -> None:
    claims.claim(backends.queue, submit(backends, "other"), WORK, reserve=1)
    submit(backends, "fit", 4)
    backends.queue.update("fit", lambda job: replace(job, run_on="work"))
    text = explain_job(backends, "fit").text
    assert text.startswith("fit waits: no consumer of kubeque work has its 4 pending tasks.")
    assert "It must offer 16Gi of memory (--memory)." in text
    assert "Such consumers have tasks of other jobs (1 work on lab7)." in text


def test_the_progress_names_the_places_of_the_consumers(backends: Backends) -> None:
    job = submit(backends, "fit", 400)
    for owner in (WORK, WORK.replace("lab7", "lab8"), POD):
        claims.claim(backends.queue, job, owner, reserve=1)
    assert read_progress(backends, backends.queue.job("fit")).places == (), "the job does not allow them"
    job = backends.queue.update("fit", lambda job: replace(job, run_on="local,work"))
    progress = read_progress(backends, job)
    assert [(place.kind, place.name, place.consumers) for place in progress.places] == [
        ("work", "lab7", 1), ("work", "lab8", 1),
    ]  # fmt: skip
    assert progress.consumers == 2
    assert format_job(progress).endswith(" of 400; consumers: 1 work on lab7, 1 work on lab8")
