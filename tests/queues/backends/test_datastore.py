"""Properties of Datastore: its errors, its names, and the requests that it must never receive."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from kubeque.model.errors import ConfigError, FencingError, QueueError, QueueSchemaError, QueueUnavailable
from kubeque.model.job.task import State
from kubeque.queues.backends import datastore
from kubeque.queues.backends.backend import Backend, Conflict
from kubeque.queues.backends.datastore import read_url
from kubeque.queues.backends.entities import SCHEMA, Entity, EntityKey, Write
from kubeque.queues.backends.entity_backend import open_datastore
from kubeque.queues.open import open_queue
from kubeque.queues.queue import Queue
from tests.queues.backend_kinds import on
from tests.queues.makers import claim, make_job, only_block, run_next, states, submit
from tests.queues.records import UID, block, kept
from tests.servers.faults import Fault, GrpcProxy, Lost, Refused, Silent

#: Statuses after which it is unknown whether a commit was applied.
UNKNOWN = ["UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN"]
#: Function that opens a backend in the namespace of the given name.
OpenAt = Callable[[str], Backend]


@pytest.fixture(params=[on("datastore-legacy"), on("datastore-firestore")])
def proxy(request: pytest.FixtureRequest, server: Callable[[str], str]) -> Iterator[GrpcProxy]:
    """Yield a proxy in front of an emulator."""
    with GrpcProxy(server(request.param)) as proxy:
        yield proxy


@pytest.fixture
def open_at(proxy: GrpcProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAt]:
    monkeypatch.setenv("DATASTORE_EMULATOR_HOST", proxy.host)
    run = random.randrange(1 << 40)  # an emulator outlives a test
    with ExitStack() as opened:

        def open_one(place: str) -> Backend:
            backend = open_datastore(f"datastore://kubeque-test/{place}-{run}")
            opened.callback(backend.close)
            return backend

        yield open_one


@pytest.fixture
def backend(open_at: OpenAt) -> Backend:
    return open_at("(default)/faults")


@pytest.fixture
def queue(backend: Backend) -> Queue:
    return Queue(backend, sleep=lambda seconds: None)


def first(method: str, fault: Fault) -> Callable[[str, int], Fault | None]:
    """Return a plan with this fault for the first call of a method."""
    return lambda name, number: fault if (name, number) == (method, 0) else None


# ------------------------------------------------------------------ commits
@pytest.mark.parametrize("code", ["ABORTED", "FAILED_PRECONDITION", "ALREADY_EXISTS", "NOT_FOUND"])
def test_a_refused_write_is_a_conflict_and_is_not_sent_again(backend: Backend, proxy: GrpcProxy, code: str) -> None:
    (old,) = kept(backend, block(0, body=b"old"))
    proxy.reset(first("Commit", Refused(code)))
    with pytest.raises(Conflict):
        backend.swap_block(replace(old, body=b"new"))
    assert proxy.calls == ["Commit"]
    assert backend.get_block(UID, "0-0") == old


@pytest.mark.parametrize("code", UNKNOWN)
@pytest.mark.parametrize(("fault", "calls"), [(Lost, ["Commit", "Lookup"]), (Refused, ["Commit", "Lookup", "Commit"])])
def test_a_commit_of_unknown_fate_is_settled_by_reading(
    queue: Queue, proxy: GrpcProxy, code: str, fault: type[Lost | Refused], calls: list[str]
) -> None:
    job = submit(queue, make_job(2))
    lease = claim(queue, job, reserve=2)
    run_next(lease)
    proxy.reset(first("Commit", fault(code)))
    lease.commit()
    assert proxy.calls == calls
    assert states(queue, job) == {0: State.OK, 1: State.RESERVED}
    assert only_block(queue, job).seq == 1


@pytest.mark.parametrize("code", UNKNOWN)
def test_a_claim_whose_answer_was_lost_is_held_all_the_same(queue: Queue, proxy: GrpcProxy, code: str) -> None:
    job = submit(queue, make_job(2))
    proxy.reset(first("Commit", Lost(code)))
    lease = claim(queue, job, reserve=1)
    assert run_next(lease) == 0
    lease.commit()
    assert states(queue, job) == {0: State.OK, 1: State.PENDING}


def test_an_answer_that_never_comes_is_not_waited_for(
    queue: Queue, proxy: GrpcProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit(queue, make_job(1))
    lease = claim(queue, job)
    run_next(lease)
    monkeypatch.setattr(datastore, "_CALL_SECONDS", 1.0)
    proxy.reset(first("Commit", Silent()))
    lease.commit()
    assert proxy.calls == ["Commit", "Lookup"]
    assert states(queue, job) == {0: State.OK}


def test_blocks_whose_insertion_failed_halfway_are_completed(backend: Backend, proxy: GrpcProxy) -> None:
    proxy.reset(first("Commit", Lost("UNAVAILABLE")))
    with pytest.raises(QueueUnavailable):
        backend.insert_blocks([block(lo, body=b"first") for lo in range(2)])
    backend.insert_blocks([block(lo, body=b"again") for lo in range(4)])
    assert [found.body for found in backend.scan_blocks(UID)] == [b"first", b"first", b"again", b"again"]


def test_reads_are_repeated_until_they_are_answered(backend: Backend, proxy: GrpcProxy) -> None:
    (old,) = kept(backend, block(0))
    proxy.reset(lambda method, number: Refused("UNAVAILABLE") if number < 2 else None)
    assert backend.get_block(UID, "0-0") == old
    assert backend.scan_blocks(UID) == [old]
    assert proxy.calls == ["Lookup"] * 3 + ["RunQuery"] * 3


def test_a_database_that_is_away_is_unavailable(
    backend: Backend, proxy: GrpcProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datastore, "_READ_SECONDS", 0.5)
    proxy.reset(lambda method, number: Refused("UNAVAILABLE"))
    with pytest.raises(QueueUnavailable, match="datastore://kubeque-test does not answer"):
        backend.get_job("sweep")
    with pytest.raises(QueueUnavailable):
        backend.insert_blocks([block(0)])


def test_a_sweep_on_a_bad_line_records_each_task_once(queue: Queue, proxy: GrpcProxy) -> None:
    job = submit(queue, make_job(40), size=10)
    dice = random.Random(7)
    faults = [Lost("UNAVAILABLE"), Refused("UNAVAILABLE"), Refused("ABORTED"), Lost("DEADLINE_EXCEEDED"), None, None]
    proxy.reset(lambda method, number: dice.choice(faults) if method == "Commit" else None)
    recorded = 0
    for _ in range(100):
        if recorded == 40:
            break
        lease = claim(queue, job, reserve=3)
        while lease.held:
            while lease.untouched:
                run_next(lease)
            recorded += lease.waiting
            lease.commit(reserve=3)
    assert states(queue, job) == dict.fromkeys(range(40), State.OK)
    assert {view.record.attempts for view in queue.tasks(job)} == {1}
    assert recorded == 40


# ------------------------------------------------------------------ fencing
def test_a_database_that_ignores_versions_is_refused(queue: Queue, proxy: GrpcProxy) -> None:
    from google.cloud import datastore_v1

    def without_versions(method: str, request: bytes) -> bytes:
        if method != "Commit":
            return request
        message = datastore_v1.CommitRequest.pb().FromString(request)
        for mutation in message.mutations:
            mutation.ClearField("base_version")
            mutation.ClearField("conflict_resolution_strategy")
        return bytes(message.SerializeToString())

    queue.self_test()
    proxy.alter = without_versions
    with pytest.raises(FencingError, match="stale write"):
        queue.self_test()


# ------------------------------------------------------------------ counting and large answers
def test_a_database_that_cannot_add_up_is_asked_once(backend: Backend, proxy: GrpcProxy) -> None:
    kept(backend, block(0), block(1, size_class=2, pending=5))
    proxy.reset(lambda method, number: Refused("UNIMPLEMENTED") if method == "RunAggregationQuery" else None)
    counts = [backend.tally(UID) for _ in range(3)]
    assert [{size_class: tally.pending for size_class, tally in each.items()} for each in counts] == [{0: 1, 2: 5}] * 3
    assert proxy.calls.count("RunAggregationQuery") == 1


def test_answers_larger_than_the_protocol_allows_by_default_arrive(backend: Backend) -> None:
    large = [block(lo, body=os.urandom(700_000)) for lo in range(9)]
    backend.insert_blocks(large)
    assert [found.body for found in backend.scan_blocks(UID)] == [record.body for record in large]


def test_the_clock_is_the_databases_where_it_tells(
    open_at: OpenAt, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    import time

    right, real = time.time(), time.time
    monkeypatch.setattr(time, "time", lambda: real() + 600)
    ahead = open_at("(default)/clock").now() - right
    assert 599 < ahead < 660 if "legacy" in request.node.name else -60 < ahead < 60


# ------------------------------------------------------------------ places
def test_two_namespaces_do_not_see_each_other(open_at: OpenAt) -> None:
    assert_apart(Queue(open_at("(default)/one")), Queue(open_at("(default)/two")))


# The legacy emulator searches all databases at once.
@pytest.mark.parametrize("proxy", [on("datastore-firestore")], indirect=True)
def test_two_databases_do_not_see_each_other(open_at: OpenAt) -> None:
    assert_apart(Queue(open_at("(default)/one")), Queue(open_at("other-base/one")))


def assert_apart(here: Queue, there: Queue) -> None:
    job = submit(here, make_job(4))
    assert there.find(job.name) is None
    assert there.jobs() == []
    assert list(there.scan(job)) == []
    twin = submit(there, make_job(4, uid=job.uid))
    claim(there, twin)
    assert set(states(here, job).values()) == {State.PENDING}
    there.remove(twin.name)
    assert here.find(job.name) == job
    assert len(states(here, job)) == 4


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("datastore://my-project", ("my-project", "", "")),
        ("datastore://my-project/", ("my-project", "", "")),
        ("datastore://my-project/(default)", ("my-project", "", "")),
        ("datastore://my-project//team", ("my-project", "", "team")),
        ("datastore://my-project/(default)/team", ("my-project", "", "team")),
        ("datastore://example.com:my-project/queue/team.one", ("example.com:my-project", "queue", "team.one")),
    ],
)
def test_a_url_names_project_database_and_namespace(url: str, parts: tuple[str, str, str]) -> None:
    assert read_url(url) == parts


@pytest.mark.parametrize(
    "url",
    ["datastore://", "datastore:///db", "datastore://p/db/ns/more", "datastore://p roject", "datastore://pro/a b",
     "datastore://pro/db?x=1", "datastore://pro/(default)/a b", "datastore://pro/(default)/" + "n" * 71],
)  # fmt: skip
def test_a_wrong_url_is_refused_with_the_form_it_must_have(url: str) -> None:
    with pytest.raises(ConfigError, match=r"write datastore://PROJECT"):
        open_queue(url)


def test_a_newer_layout_is_refused(open_at: OpenAt, backend: Backend) -> None:
    place = backend._at.namespace  # type: ignore[attr-defined]
    key = EntityKey(place, SCHEMA, "layout")
    (layout,) = backend._db.lookup([key])  # type: ignore[attr-defined]
    newer = Entity(key, {}, {"version": 99})
    backend._db.commit([Write(key, newer, layout.version)], atomic=True)  # type: ignore[attr-defined]
    with pytest.raises(QueueSchemaError, match=r"has layout 99, but kubeque .* knows 2: upgrade kubeque"):
        open_at("(default)/faults")


def test_a_queue_of_the_first_layout_is_migrated_in_place(open_at: OpenAt, backend: Backend, queue: Queue) -> None:
    # Given a queue as kubeque 0.1 left it
    submit(queue, make_job(4))
    database = backend._db  # type: ignore[attr-defined]
    key = EntityKey(backend._at.namespace, SCHEMA, "layout")  # type: ignore[attr-defined]
    (layout,) = database.lookup([key])
    database.commit([Write(key, Entity(key, {}, {"version": 1}), layout.version)], atomic=True)
    # When it is opened twice
    for _ in range(2):
        assert Queue(open_at("(default)/faults")).job("sweep").n == 4
    # Then it was migrated, and programs of the first layout are refused
    (layout,) = database.lookup([key])
    assert layout.carried == {"version": 2, "program": "0.2"}


def test_missing_credentials_are_said_with_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    for name in ("DATASTORE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(QueueError, match=r"gcloud auth application-default login.*GOOGLE_APPLICATION_CREDENTIALS"):
        open_queue("datastore://my-project")


@pytest.mark.parametrize(
    ("library", "url", "extra"),
    [
        ("google.cloud.datastore_v1", "datastore://my-project", "kubeque[google]"),
        ("psycopg", "postgresql://localhost/db", "kubeque[postgres]"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(library: str, url: str, extra: str) -> None:
    source = f"""
import sys
sys.modules[{library!r}] = None
from kubeque.model.errors import MissingExtra
from kubeque.queues.open import open_queue
try:
    open_queue({url!r})
except MissingExtra as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert f"pip install '{extra}'" in done.stdout
