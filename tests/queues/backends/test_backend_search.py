"""The contract of a backend: searching, counting, listing and deleting."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeque.model.job.counts import Tally
from kubeque.queues.backends.backend import Backend, Conflict, Find, pack
from tests.queues.records import UID, block, ids, kept, leased


# ------------------------------------------------------------------ finding
def test_ready_blocks_are_found_from_a_slot_onwards_and_around(backend: Backend) -> None:
    kept(backend, *(block(lo, slot=lo * 10) for lo in range(5)), leased(7, 5.0), block(8, slot=None, pending=0))
    assert ids(backend.find_blocks(UID, Find.READY, slot=20, limit=3)) == ["0-2", "0-3", "0-4"]
    assert ids(backend.find_blocks(UID, Find.READY, slot=35, limit=3)) == ["0-4", "0-0", "0-1"]
    assert sorted(ids(backend.find_blocks(UID, Find.READY, slot=35, limit=100))) == [f"0-{lo}" for lo in range(5)]


def test_blocks_with_most_to_steal_come_first(backend: Backend) -> None:
    kept(backend, leased(0, 9.0, spare=2), leased(1, 8.0, spare=9), leased(2, 7.0), block(3), leased(4, 6.0, spare=5))
    assert ids(backend.find_blocks(UID, Find.STEALABLE, limit=10)) == ["0-1", "0-4", "0-0"]
    assert ids(backend.find_blocks(UID, Find.STEALABLE, limit=1)) == ["0-1"]


def test_leases_that_ended_first_come_first(backend: Backend) -> None:
    kept(backend, leased(0, 9.5, spare=2), leased(1, 8.0), block(2), leased(3, 9.25))
    assert ids(backend.find_blocks(UID, Find.LEASED, limit=10)) == ["0-1", "0-3", "0-0"]
    assert ids(backend.find_blocks(UID, Find.LEASED, limit=2)) == ["0-1", "0-3"]


@pytest.mark.parametrize("which", list(Find))
def test_blocks_are_found_by_class_and_only_of_their_uid(backend: Backend, which: Find) -> None:
    marks = {"slot": 1} if which is Find.READY else {"slot": None, "expires": 2.0, "spare": 3}
    kept(
        backend,
        *(block(size_class, size_class=size_class, **marks) for size_class in range(4)),
        block(9, uid="uid-2", **marks),
    )
    assert sorted(ids(backend.find_blocks(UID, which, size_classes=[1, 3], limit=9))) == ["1-1", "3-3"]
    assert len(backend.find_blocks(UID, which, limit=9)) == 4
    assert backend.find_blocks(UID, which, size_classes=(), limit=9) == []
    assert backend.find_blocks("uid-3", which) == []


def test_a_block_is_found_by_its_newest_marks_only(backend: Backend) -> None:
    (old,) = kept(backend, block(0))
    held = replace(old, slot=None, expires=5.0, spare=1)
    held = replace(held, version=backend.swap_block(held))
    found = [ids(backend.find_blocks(UID, which)) for which in (Find.READY, Find.STEALABLE, Find.LEASED)]
    assert found == [[], ["0-0"], ["0-0"]]
    backend.swap_block(replace(held, expires=None, spare=None))
    assert [backend.find_blocks(UID, which) for which in Find] == [[], [], []]


# ------------------------------------------------------------------ counting, listing, deleting
def test_tallies_add_up_by_class(backend: Backend) -> None:
    assert backend.tally(UID) == {}
    kept(
        backend,
        block(0, tally=pack(Tally(1, 2, 3)), pending=4),
        block(9, tally=pack(Tally(10, 0, 0)), pending=0),
        block(1, size_class=2, tally=pack(Tally(0, 0, 1)), pending=0),
        block(2, uid="uid-2", tally=pack(Tally(7, 7, 7)), pending=7),
    )
    assert backend.tally(UID) == {0: Tally(11, 2, 3, 4), 2: Tally(0, 0, 1, 0)}


@pytest.mark.parametrize("state", ["ok", "failed", "running", "pending"])
def test_tallies_of_the_largest_job_are_exact(backend: Backend, state: str) -> None:
    most = (1 << 21) - 1
    parts = (1, 256, most - 257)
    tallies = [Tally(**{state: part}) for part in parts]
    kept(backend, *(block(lo, tally=pack(t), pending=t.pending) for lo, t in enumerate(tallies)))
    assert backend.tally(UID) == {0: Tally(**{state: most})}


def test_blocks_are_listed_in_the_order_of_their_first_task(backend: Backend) -> None:
    kept(backend, *(block(lo) for lo in (100, 9, 20, 3)), block(9, size_class=1), block(5, uid="uid-2"))
    assert ids(backend.scan_blocks(UID)) == ["0-3", "0-9", "1-9", "0-20", "0-100"]
    pages, after = [], None
    while page := backend.scan_blocks(UID, after=after, limit=2):
        pages.append(ids(page))
        after = (page[-1].lo, page[-1].id)
    assert pages == [["0-3", "0-9"], ["1-9", "0-20"], ["0-100"]]


def test_blocks_are_deleted_by_uid(backend: Backend) -> None:
    (old, _) = kept(backend, block(0), block(0, uid="uid-2"))
    backend.delete_blocks(UID)
    backend.delete_blocks(UID)
    assert backend.scan_blocks(UID) == []
    assert backend.tally(UID) == {}
    assert ids(backend.scan_blocks("uid-2")) == ["0-0"]
    with pytest.raises(Conflict):
        backend.swap_block(old, [block(1)])
    assert backend.scan_blocks(UID) == []


def test_deleted_blocks_may_be_many(backend: Backend) -> None:
    backend.insert_blocks(block(lo) for lo in range(1100))
    backend.delete_blocks(UID)
    assert backend.scan_blocks(UID) == []
