"""Asking again: while a store does not answer, and while it has nothing for us."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from kubeque.model.errors import QueueUnavailable

log = logging.getLogger(__name__)
#: Waits for so many seconds.
Sleep = Callable[[float], None]
#: Seconds between attempts, growing from the first to the last.
_PAUSES = (0.05, 0.2, 1.0, 3.0)
#: Seconds between two looks for a task, growing from the first to the last. Many idle consumers that look four times a
#: second are more work for a store than those that still have something to do.
_FIRST_IDLE, _LONGEST_IDLE = 0.25, 1.0
T = TypeVar("T")


def until_answered(action: Callable[[], T], sleep: Sleep = time.sleep) -> T:
    """Do `action` again while the store does not answer; it must resolve by reading what an earlier try did.

    Raises QueueUnavailable after the last pause.
    """
    for pause in _PAUSES:
        try:
            return action()
        except QueueUnavailable as error:
            log.info("the queue did not answer (%s): trying again in %.2f s", error, pause)
            sleep(pause * random.uniform(0.5, 1.0))
    return action()


def idle_pauses() -> Iterator[float]:
    """Seconds to wait before one looks for a task again, for as long as there is none."""
    longest = _FIRST_IDLE
    while True:
        yield longest * random.uniform(0.5, 1.0)
        longest = min(2 * longest, _LONGEST_IDLE)
