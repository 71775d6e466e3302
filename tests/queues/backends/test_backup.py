"""A queue that was restored from a backup: a program that worked after the backup cannot write to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from kubeque.model.errors import LeaseLost
from kubeque.queues.backends.backend import Backend, Conflict
from kubeque.queues.backends.sqlite import open_sqlite
from kubeque.queues.queue import Queue
from tests.queues.makers import claim, make_job, only_block, run_next, submit
from tests.queues.records import UID, block, job, kept

#: Function that copies the queue, and returns a function that opens a queue restored from this copy.
Copy = Callable[[], Callable[[], Backend]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@pytest.fixture
def backend(path: Path) -> Iterator[Backend]:
    with closing(open_sqlite(path)) as backend:
        yield backend


@pytest.fixture
def copy(path: Path, tmp_path: Path) -> Iterator[Copy]:
    with ExitStack() as stack:

        def make() -> Callable[[], Backend]:
            target = tmp_path / "copy.db"
            with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as into:
                source.backup(into)
            return lambda: stack.enter_context(closing(open_sqlite(target)))

        yield make


@pytest.mark.parametrize("writes", [1, 2, 5])
def test_a_version_of_the_lost_time_is_refused_after_as_many_writes(backend: Backend, copy: Copy, writes: int) -> None:
    # Given a block that was written after the backup, and as often in the restored queue
    (old,) = kept(backend, block(0))
    restore = copy()
    restored, lost, ours = restore(), old, old
    for _ in range(writes):
        lost = replace(lost, version=backend.swap_block(replace(lost, body=b"lost")))
        ours = replace(ours, version=restored.swap_block(replace(ours, body=b"ours")))
    # When the program of the lost time writes to the restored queue, then it is refused
    with pytest.raises(Conflict):
        restored.swap_block(replace(lost, body=b"stale"))
    found = restored.get_block(UID, old.id)
    assert found is not None
    assert found.body == b"ours"


def test_a_block_that_was_made_twice_has_two_versions(backend: Backend, copy: Copy) -> None:
    (old,) = kept(backend, block(0))
    restored = copy()()
    for each in (backend, restored):
        each.swap_block(old, [block(1)])
    lost, ours = backend.get_block(UID, "0-1"), restored.get_block(UID, "0-1")
    assert lost is not None
    assert ours is not None
    assert lost.version != ours.version


def test_a_job_of_the_lost_time_is_refused(backend: Backend, copy: Copy) -> None:
    old = replace(job(), version=backend.insert_job(job()))
    restored = copy()()
    lost = replace(old, version=backend.swap_job(replace(old, body=b"lost")))
    restored.swap_job(replace(old, body=b"ours"))
    with pytest.raises(Conflict):
        restored.swap_job(replace(lost, body=b"stale"))


class Moved:
    """A backend under a program: first the queue of the lost time, then the restored one at the same address."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def __getattr__(self, name: str) -> object:
        return getattr(self.backend, name)


def test_a_consumer_of_the_lost_time_loses_its_lease(backend: Backend, copy: Copy) -> None:
    # Given a consumer that claimed a block after the backup, and another one that claims it after the restore
    moved = Moved(backend)
    queue = Queue(moved, sleep=lambda seconds: None)  # type: ignore[arg-type]
    sweep = submit(queue, make_job(4))
    restore = copy()
    lost = claim(queue, sweep, "of the lost time")
    run_next(lost)
    moved.backend = restore()
    ours = claim(queue, sweep, "of today")
    # When the first one records its outcome, then it loses its lease, and the block is that of the second one
    with pytest.raises(LeaseLost):
        lost.commit()
    assert lost.lost
    assert only_block(queue, sweep).nonce == ours.block.nonce
