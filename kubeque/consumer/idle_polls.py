"""The pauses between two polls of an idle consumer, which looks for work."""

from __future__ import annotations

import random
from collections.abc import Iterator

#: First and longest pause between two polls of an idle consumer, seconds. If idle consumers always polled four times a
#: second, many of them would load the queue more than busy consumers.
_FIRST_SECONDS, _LONGEST_SECONDS = 0.25, 1.0


def idle_pauses() -> Iterator[float]:
    """Yield the seconds to wait before each further poll. The pauses grow, and are partly random."""
    longest = _FIRST_SECONDS
    while True:
        yield longest * random.uniform(0.5, 1.0)
        longest = min(2 * longest, _LONGEST_SECONDS)
