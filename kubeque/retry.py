"""Retry: while the queue does not answer, and while it has no task."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from kubeque.model.errors import QueueUnavailable

log = logging.getLogger(__name__)
#: A function that waits for a number of seconds.
Sleep = Callable[[float], None]
#: Seconds between attempts, growing from the first to the last.
_PAUSES = (0.05, 0.2, 1.0, 3.0)
#: Seconds between two polls for a task, growing from the first to the last. Many idle consumers that poll four times a
#: second load the queue more than the busy ones.
_FIRST_IDLE, _LONGEST_IDLE = 0.25, 1.0
T = TypeVar("T")


def until_answered(action: Callable[[], T], sleep: Sleep = time.sleep) -> T:
    """Return the result of `action`; repeat it while the queue does not answer.

    `action` must first read what an earlier try did, because a try without an answer may have been applied.

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
    """Yield the seconds to wait before each next poll for a task, while there is none."""
    longest = _FIRST_IDLE
    while True:
        yield longest * random.uniform(0.5, 1.0)
        longest = min(2 * longest, _LONGEST_IDLE)
