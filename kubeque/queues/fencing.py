"""Test that a database refuses stale writes. If it accepted a stale write, two consumers could own the same task."""

from __future__ import annotations

import secrets
from dataclasses import replace

from kubeque.model.errors import FencingError
from kubeque.queues.backends.backend import Backend, Conflict
from kubeque.queues.backends.records import block_record, read_block
from kubeque.queues.block import Block
from kubeque.queues.until_answered import until_answered
from kubeque.retry import Sleep


def check_fencing(backend: Backend, sleep: Sleep) -> None:
    """Write a test block twice from the same version. Raise FencingError if the backend accepts the second write.

    Raises FencingError also if the backend loses the block. Raises QueueUnavailable if the backend does not answer.
    """
    uid = f"selftest-{secrets.token_hex(6)}"
    first = Block(uid, "0-0", 0, 1, 0, bytes(1))
    try:
        until_answered(lambda: backend.insert_blocks([block_record(first, 0)]), sleep)
        stored = backend.get_block(uid, first.id)
        if stored is None:
            raise FencingError("the queue lost a block that it had just accepted: choose another queue_url")
        held = read_block(stored)
        backend.swap_block(block_record(replace(held, run=1), 0), [])
        try:
            backend.swap_block(block_record(replace(held, run=2), 0), [])
        except Conflict:
            return
        raise FencingError(
            "the queue accepted a stale write, so two consumers could own one task: choose another queue_url"
        )
    finally:
        backend.delete_blocks(uid)
