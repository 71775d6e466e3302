"""The test at the start of a consumer: it refuses to work on a backend that accepts a stale write."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeque.model.errors import FencingError, QueueUnavailable
from kubeque.queues.backends.backend import Backend, BlockRecord
from kubeque.queues.queue import Queue
from tests.queues.backend_kinds import Opener
from tests.queues.unreliable import Fault, Unreliable, once


def test_a_sound_store_passes_and_keeps_nothing(open_backend: Opener) -> None:
    watched = Unreliable(open_backend())
    Queue(watched).self_test()
    assert watched.writes == 4
    assert Queue(watched).jobs() == []


class Stale(Unreliable):
    """Backend that ignores the version that a write was made from."""

    def swap_block(self, record: BlockRecord, inserts: tuple[BlockRecord, ...] = ()) -> int:
        now = self.backend.get_block(record.uid, record.id)
        return self.backend.swap_block(replace(record, version=now.version if now else 0), inserts)


class Forgetful(Unreliable):
    def insert_blocks(self, records: object) -> None:
        pass


@pytest.mark.parametrize(("broken", "words"), [(Stale, "stale write"), (Forgetful, "lost a block")])
def test_a_store_that_breaks_its_word_is_refused(backend: Backend, broken: type[Unreliable], words: str) -> None:
    with pytest.raises(FencingError, match=words):
        Queue(broken(backend)).self_test()
    assert backend.list_jobs() == []


@pytest.mark.parametrize("fault", list(Fault))
def test_a_store_that_does_not_answer_is_no_verdict(flaky_queue: Queue, flaky: Unreliable, fault: Fault) -> None:
    flaky.fail(once("swap_block", fault))
    with pytest.raises(QueueUnavailable):
        flaky_queue.self_test()
    flaky_queue.self_test()
