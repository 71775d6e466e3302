"""The identity of a queue: a random text that distinguishes a new queue from a lost queue with the same URL.

The identity is stored as a block of a uid that no job has, because every backend stores blocks. Programs that do not
know the identity ignore this block.
"""

from __future__ import annotations

import secrets

from kubeque.lazy_dataclass import dataclass
from kubeque.model.errors import QueueError
from kubeque.queues.backends.backend import Backend, BlockRecord

#: Key of the block that contains the identity. No job has this uid.
_UID, _ID = "queue-identity", "0-0"
#: Beginning of the block's body if the queue had jobs before its identity was created.
_OLDER = b"older "


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of one queue."""

    #: Random text.
    id: str
    #: True if the queue had jobs before its identity was created.
    older: bool


def read_identity(backend: Backend) -> Identity:
    """Return the identity of a queue. If the queue has no identity, create one.

    If two programs create an identity at the same time, both return the same one. Raises QueueError if the queue loses
    the new identity.
    """
    record = backend.get_block(_UID, _ID)
    if record is None:
        body = (_OLDER if backend.list_jobs() else b"") + secrets.token_hex(16).encode()
        backend.insert_blocks([BlockRecord(_UID, _ID, 0, 0, None, None, None, 0, 0, body)])
        record = backend.get_block(_UID, _ID)
    if record is None:
        raise QueueError("the queue lost its identity that it had just accepted: choose another queue_url")
    return Identity(record.body.removeprefix(_OLDER).decode("ascii", "replace"), record.body.startswith(_OLDER))
