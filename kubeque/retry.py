"""Retry while the queue does not answer."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from kubeque.model.errors import QueueUnavailable

log = logging.getLogger(__name__)
#: A function that waits for a number of seconds.
Sleep = Callable[[float], None]
#: Seconds between attempts, growing from the first to the last.
_PAUSES = (0.05, 0.2, 1.0, 3.0)
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
