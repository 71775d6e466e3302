"""The contract of a backend: storage of jobs and blocks. The tests of searches are in test_backend_search.py."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from kubeque.model.job.counts import Tally
from kubeque.queues.backends.backend import Backend, Conflict, JobRecord, pack
from kubeque.queues.until_answered import until_answered
from tests.queues.backend_kinds import Opener
from tests.queues.makers import NASTY
from tests.queues.records import UID, block, ids, job, kept, leased


# ------------------------------------------------------------------ jobs
def test_a_job_is_given_back_as_it_was_kept(backend: Backend) -> None:
    body = bytes(range(256)) * 40
    version = backend.insert_job(job("sweep", "gpu", body))
    assert backend.get_job("sweep") == JobRecord("sweep", "gpu", body, version)
    assert version != 0


def test_no_job_has_a_name_that_was_never_kept(backend: Backend) -> None:
    assert backend.get_job("nobody") is None
    assert backend.list_jobs() == []


def test_a_taken_name_is_refused_and_the_job_stays(backend: Backend) -> None:
    backend.insert_job(job(body=b"first"))
    with pytest.raises(Conflict):
        backend.insert_job(job(body=b"second"))
    found = backend.get_job("sweep")
    assert found is not None
    assert found.body == b"first"


def test_jobs_are_listed_by_fleet(backend: Backend) -> None:
    for name, fleet in (("one", "gpu"), ("two", "local"), ("three", "gpu")):
        backend.insert_job(job(name, fleet))
    assert sorted(record.name for record in backend.list_jobs()) == ["one", "three", "two"]
    assert sorted(record.name for record in backend.list_jobs("gpu")) == ["one", "three"]
    assert backend.list_jobs("nobody's") == []


def test_a_job_is_replaced_only_over_the_version_it_was_made_from(backend: Backend) -> None:
    old = replace(job(body=b"1"), version=backend.insert_job(job(body=b"1")))
    version = backend.swap_job(replace(old, fleet="other", body=b"2"))
    assert version != old.version
    with pytest.raises(Conflict):
        backend.swap_job(replace(old, body=b"stale"))
    assert backend.get_job("sweep") == JobRecord("sweep", "other", b"2", version)
    assert [record.name for record in backend.list_jobs("other")] == ["sweep"]


def test_a_job_that_is_not_there_cannot_be_replaced(backend: Backend) -> None:
    with pytest.raises(Conflict):
        backend.swap_job(JobRecord("nobody", "local", b"{}", 1))
    assert backend.get_job("nobody") is None


def test_a_job_is_deleted_only_in_the_version_that_was_read(backend: Backend) -> None:
    old = replace(job(), version=backend.insert_job(job()))
    new = replace(old, version=backend.swap_job(old))
    with pytest.raises(Conflict):
        backend.delete_job(old)
    assert backend.get_job("sweep") is not None
    backend.delete_job(new)
    assert backend.get_job("sweep") is None
    with pytest.raises(Conflict):
        backend.delete_job(new)


def test_a_job_made_anew_cannot_be_written_by_who_read_the_old_one(backend: Backend) -> None:
    old = replace(job(), version=backend.insert_job(job()))
    backend.delete_job(old)
    backend.insert_job(job(body=b"new"))
    for stale in (backend.swap_job, backend.delete_job):
        with pytest.raises(Conflict):
            stale(old)
    found = backend.get_job("sweep")
    assert found is not None
    assert found.body == b"new"


# ------------------------------------------------------------------ blocks
def test_a_block_is_given_back_as_it_was_kept(backend: Backend) -> None:
    waiting = block(5, size_class=2, slot=(1 << 31) - 1, tally=pack(Tally(3, 4, 5)), pending=6, body=bytes(range(256)))
    held = leased(9, 1234567890.125, spare=7)
    for record, found in zip((waiting, held), kept(backend, waiting, held), strict=True):
        assert found == replace(record, version=found.version)
        assert found.version != 0


def test_a_block_belongs_to_one_uid(backend: Backend) -> None:
    kept(backend, block(0, uid="uid-1", body=b"one"), block(0, uid="uid-2", body=b"two"))
    found = [backend.get_block(uid, "0-0") for uid in ("uid-1", "uid-2", "uid-3")]
    assert [record.body if record else None for record in found] == [b"one", b"two", None]


def test_keeping_a_block_again_leaves_it_as_it_is(backend: Backend) -> None:
    (first,) = kept(backend, block(0, body=b"first"))
    version = backend.swap_block(replace(first, body=b"worked on"))
    backend.insert_blocks([block(0, body=b"first"), block(1, body=b"other")])
    found = backend.get_block(UID, "0-0")
    assert found == replace(first, body=b"worked on", version=version)
    assert backend.get_block(UID, "0-1") is not None


def test_many_blocks_are_kept_from_an_iterator(backend: Backend) -> None:
    # An emulator on a busy machine misses a deadline; an insertion is safe to repeat.
    until_answered(lambda: backend.insert_blocks(block(lo) for lo in range(1234)))
    assert backend.tally(UID)[0].pending == 1234


def test_a_block_is_replaced_only_over_the_version_it_was_made_from(backend: Backend) -> None:
    (old,) = kept(backend, block(0, body=b"old"))
    version = backend.swap_block(replace(old, body=b"new", slot=None, expires=8.0, spare=2))
    for _ in range(2):
        with pytest.raises(Conflict):
            backend.swap_block(replace(old, body=b"stale"))
    found = backend.get_block(UID, "0-0")
    assert found == replace(old, body=b"new", slot=None, expires=8.0, spare=2, version=version)


def test_a_block_that_is_not_there_cannot_be_replaced(backend: Backend) -> None:
    with pytest.raises(Conflict):
        backend.swap_block(replace(block(0), version=1))
    assert backend.get_block(UID, "0-0") is None


def test_new_blocks_become_true_together_with_the_change(backend: Backend) -> None:
    (old,) = kept(backend, block(0))
    version = backend.swap_block(replace(old, body=b"new"), [block(n, size_class=1) for n in range(20)])
    found = backend.get_block(UID, "0-0")
    assert found is not None
    assert (found.version, found.body) == (version, b"new")
    assert ids(backend.scan_blocks(UID)) == ["0-0", *(f"1-{n}" for n in range(20))]


def test_new_blocks_can_be_changed_at_once(backend: Backend) -> None:
    (old,) = kept(backend, block(0))
    backend.swap_block(old, [block(1)])
    new = backend.get_block(UID, "0-1")
    assert new is not None
    backend.swap_block(replace(new, body=b"changed"))


def test_a_refused_change_keeps_none_of_its_new_blocks(backend: Backend) -> None:
    (old,) = kept(backend, block(0))
    backend.swap_block(old)
    with pytest.raises(Conflict):
        backend.swap_block(old, [block(1)])
    assert ids(backend.scan_blocks(UID)) == ["0-0"]


def test_a_new_block_that_exists_refuses_the_whole_change(backend: Backend) -> None:
    old, other = kept(backend, block(0, body=b"old"), block(2, body=b"other"))
    with pytest.raises(Conflict):
        backend.swap_block(replace(old, body=b"new"), [block(1), block(2, body=b"twice")])
    assert backend.scan_blocks(UID) == [old, other]


def test_one_of_many_writers_over_one_version_wins(open_backend: Opener) -> None:
    (old,) = kept(open_backend(), block(0))
    won: list[int] = []
    stores = [open_backend() for _ in range(4)]
    start = threading.Barrier(4)

    def write(number: int) -> None:
        start.wait()
        try:
            stores[number].swap_block(replace(old, body=b"%d" % number))
        except Conflict:
            return
        won.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    found = open_backend().get_block(UID, "0-0")
    assert found is not None
    assert found.body == b"%d" % won[0]


def test_texts_of_any_kind_are_kept(backend: Backend) -> None:
    name = NASTY.replace("\x00", "")
    backend.insert_job(job(name, name, NASTY.encode()))
    found = backend.get_job(name)
    assert found is not None
    assert (found.name, found.fleet, found.body) == (name, name, NASTY.encode())
    assert [record.name for record in backend.list_jobs(name)] == [name]


def test_the_clock_is_unix_time(backend: Backend) -> None:
    assert abs(backend.now() - time.time()) < 60


def test_what_one_connection_wrote_another_reads_at_once(open_backend: Opener) -> None:
    one, other = open_backend(), open_backend()
    one.insert_job(job(body=b"1"))
    record = other.get_job("sweep")
    assert record is not None
    other.swap_job(replace(record, body=b"2"))
    found = one.get_job("sweep")
    assert found is not None
    assert found.body == b"2"
