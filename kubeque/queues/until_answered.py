"""Repeat an action while the queue does not answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from kubeque.model.errors import QueueUnavailable
from kubeque.retry import Sleep, T, retry

log = logging.getLogger(__name__)
#: Seconds between successive attempts.
_PAUSES = (0.05, 0.2, 1.0, 3.0)


def until_answered(action: Callable[[], T], sleep: Sleep = time.sleep) -> T:
    """Return the result of `action`. Repeat `action` while the queue does not answer.

    The answer to an earlier try may have been lost. So each try of `action` must first read whether an earlier try was
    applied, or must be safe to repeat.

    After the last pause, there is one more try. Raises QueueUnavailable if this try fails too.
    """
    return retry(
        action, again=lambda error: isinstance(error, QueueUnavailable), pauses=_PAUSES, spread=(0.5, 1.0),
        before_pause=_log, sleep=sleep,
    )  # fmt: skip


def _log(error: Exception, seconds: float) -> None:
    log.info("the queue did not answer (%s): trying again in %.2f s", error, seconds)
