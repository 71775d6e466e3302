"""The pauses between the polls of an idle consumer."""

from __future__ import annotations

import random
from collections.abc import Iterator

from kubeque.model.timing import FIRST_IDLE_SECONDS, LONGEST_IDLE_SECONDS


def idle_pauses() -> Iterator[float]:
    """Yield the seconds to wait before each further poll, while there is no task."""
    longest = FIRST_IDLE_SECONDS
    while True:
        yield longest * random.uniform(0.5, 1.0)
        longest = min(2 * longest, LONGEST_IDLE_SECONDS)
