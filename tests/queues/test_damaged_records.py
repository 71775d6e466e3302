"""A job with a damaged record or block is set aside, and all others go on."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from kubeque.model.errors import JobNotFound, JobUnreadable, KubequeError
from kubeque.model.job.causes import Cause, Death
from kubeque.model.job.changes import close_job
from kubeque.model.job.counts import Counts
from kubeque.model.job.job import Job
from kubeque.model.job.job_state import Closing, JobState
from kubeque.model.job.reset_rule import ResetRule
from kubeque.queues import early_stop, reaper
from kubeque.queues.backends.backend import Backend
from kubeque.queues.backends.memory import MemoryBackend
from kubeque.queues.backends.records import decode, encode, read_job
from kubeque.queues.claim import claim as try_claim
from kubeque.queues.integrity import Audit
from kubeque.queues.queue import Queue
from kubeque.queues.state_letters import read_failed, read_letters
from tests.queues.makers import SHAPES, claim, make_job, run_next, submit
from tests.queues.newer import rewrite_job, stored_job

WRONG: list[Any] = [None, True, 7, -1, 10**30, 0.5, 1e300, "text", "\ud800", [], [[]], {}, {"a": 1}]
Path = tuple[Any, ...]


def paths(wire: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of each value in a stored object."""
    yield path
    items = wire.items() if isinstance(wire, dict) else enumerate(wire) if isinstance(wire, list) else ()
    for key, value in items:
        yield from paths(value, (*path, key))


def put(wire: Any, path: Path, value: Any) -> Any:
    """Return a copy of a stored object with another value at a path."""
    if not path:
        return value
    copy = deepcopy(wire)
    at = copy
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return copy


def full_queue(backend: Backend) -> tuple[Queue, Job, Job]:
    """A queue with a job in whose record each field has a value, and another job. Tasks of both run."""
    queue = Queue(backend, sleep=lambda seconds: None)
    bad = make_job(
        12, name="bad", shapes=SHAPES, max_failures=9, deadline=9e9, deadline_seconds=60.0, orphan_after=60.0,
        origin={"dag": "d"}, results_ttl=1.0, peeks=((1, 2.0),), priority=1,
    )  # fmt: skip
    bad = submit(queue, bad, size=6)
    good = submit(queue, make_job(8, name="good", uid="uid-2"), size=4)
    lease = claim(queue, bad, "anna", number=0, reserve=4)
    for cause in (Cause.OK, Cause.OK, Cause.EXIT, Cause.OOM):
        run_next(lease, cause, out={"loss": 0.5})
    lease.commit(reserve=1)
    claim(queue, good, "bert")
    return queue, bad, good


def use_all(queue: Queue, job: Job) -> None:
    """Do all that consumers and clients do with a job."""
    queue.counts(job)
    list(queue.tasks(job))
    early_stop.judge(job, queue.scan(job), queue.now())
    early_stop.enforce_limits(queue, job, queue.counts(job))
    job.standing(queue.counts(job))
    job.waits_for_go(queue.counts(job))
    close_job(job, queue.counts(job), 1.0)
    for record in queue.scan_records(job):
        read_letters(record)
        list(read_failed(record))
    reaper.reap(queue, job, find_death=lambda owner: Death() if owner == "anna" else None)
    while lease := try_claim(queue, job, "carl", reserve=3):
        while lease.take():
            pass
        lease.commit(release=True)
        break
    queue.reset(job.name, ResetRule())


def check_the_other(queue: Queue) -> None:
    """The good job is served as if it were alone, and the bad one can be killed and removed."""
    listed = queue.list_jobs("local")
    assert "good" in [job.name for job in listed.jobs]
    assert [job.name for job in queue.jobs()] == [job.name for job in listed.jobs]
    (good,) = (job for job in listed.jobs if job.name == "good")
    use_all(queue, good)
    assert queue.counts(good).total == 8
    try:
        bad = queue.job("bad")
        Audit(bad, queue.now()).look(queue.scan_records(bad)).close()
        queue.kill("bad")
        with suppress(KubequeError):
            use_all(queue, bad)
        queue.remove("bad")
    except JobUnreadable as error:
        if error.needs:
            return
        queue.put_aside("bad")
        listed = queue.list_jobs("local")
        assert "bad" not in [
            *(each.name for each in listed.unreadable),
            *(job.name for job in listed.jobs if job.open),
        ]
        queue.discard("bad")
        with suppress(JobUnreadable):
            queue.remove("bad")  # with the state `killed`, its record can be read
    with pytest.raises(JobNotFound):
        queue.job("bad")


#: In each turn each path gets another wrong value; all turns together are the whole product.
TURNS = [turn if turn % 5 == 0 else pytest.param(turn, marks=pytest.mark.soak) for turn in range(len(WRONG))]


@pytest.mark.parametrize("turn", TURNS)
def test_no_value_in_a_job_stops_another_job(turn: int) -> None:
    backend = MemoryBackend()
    queue, _, _ = full_queue(backend)
    closing = Closing(False, Counts(ok=2), 5.0)
    queue.update("bad", lambda job: replace(job, closing=closing, reset=ResetRule(causes=("exit",), ranges=((0, 2),))))
    rewrite_job(backend, "bad", lambda wire: wire["job"].update(fleet="local"))
    (record,) = (replace(r, fleet="local") for r in backend.list_jobs() if r.name == "bad")
    wire = decode(record.body)
    for number, path in enumerate(paths(wire)):
        value = WRONG[(number + turn) % len(WRONG)]
        queue, _, _ = full_queue(backend := MemoryBackend())
        stored = backend.get_job("bad")
        assert stored is not None
        backend.swap_job(replace(stored, fleet="local", body=encode(put(wire, path, value))))
        check_the_other(queue)


@pytest.mark.parametrize("turn", TURNS)
def test_no_value_in_a_block_stops_another_job(turn: int) -> None:
    backend = MemoryBackend()
    queue, bad, _ = full_queue(backend)
    record = next(r for r in queue.scan_records(bad) if r.id == "0-0")
    wire = decode(record.body)
    for number, path in enumerate(paths(wire)):
        value = WRONG[(number + turn) % len(WRONG)]
        queue, bad, _ = full_queue(backend := MemoryBackend())
        stored = next(r for r in queue.scan_records(bad) if r.id == "0-0")
        backend.swap_block(replace(stored, body=encode(put(wire, path, value))))
        check_the_other(queue)


def bomb() -> bytes:
    """Return 65 KB that are 64 MiB before their compression."""
    return zlib.compress(b'{"job":"' + b"a" * (64 << 20))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[" * 100_000, b'{"job":' * 100_000, b"x", zlib.compress(b"[" * 100_000), zlib.compress(b"1")[:-1]],
    ids=len,
)
def test_no_body_stops_another_job(body: bytes) -> None:
    for bad_block in (False, True):
        queue, bad, _ = full_queue(backend := MemoryBackend())
        if bad_block:
            stored = next(r for r in queue.scan_records(bad) if r.id == "0-0")
            backend.swap_block(replace(stored, body=body))
        else:
            record = backend.get_job("bad")
            assert record is not None
            backend.swap_job(replace(record, body=body))
        check_the_other(queue)


def test_a_body_is_decompressed_up_to_a_limit() -> None:
    _, _, _ = full_queue(backend := MemoryBackend())
    record = backend.get_job("bad")
    assert record is not None
    with pytest.raises(JobUnreadable, match="more than 8388608 bytes"):
        read_job(replace(record, body=bomb()))


def test_a_job_in_an_unknown_state_is_killed(queue: Queue, backend: Backend) -> None:
    submit(queue, make_job(4))
    rewrite_job(backend, "sweep", lambda wire: wire["job"].update(state="later"))

    assert queue.kill("sweep").state is JobState.KILLED
    assert stored_job(backend, "sweep")["job"]["state"] == "killed"


def test_a_job_that_needs_a_newer_kubeque_is_left_alone(queue: Queue, backend: Backend) -> None:
    submit(queue, make_job(4))
    wire = rewrite_job(backend, "sweep", lambda wire: wire.update(needs="9.1"))

    for action in (queue.put_aside, queue.discard):
        with pytest.raises(JobUnreadable, match="needs kubeque 9"):
            action("sweep")

    assert stored_job(backend, "sweep") == wire


def test_a_job_that_can_be_read_is_not_put_aside(queue: Queue) -> None:
    submit(queue, make_job(4))

    queue.put_aside("sweep")

    assert queue.discard("sweep") == ""
    assert queue.job("sweep").open


def test_a_record_with_the_uid_of_another_job_takes_nothing_of_it(queue: Queue, backend: Backend) -> None:
    good = submit(queue, make_job(4, name="good"))
    submit(queue, make_job(4, name="bad", uid="uid-2"))
    rewrite_job(backend, "bad", lambda wire: wire["job"].update(uid=good.uid))

    queue.remove("bad")

    assert queue.counts(good).total == 4
