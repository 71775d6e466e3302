"""The retry loop: repeat an action while its errors are temporary. Callers can pass a clock and a sleep function."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

#: A function that waits for a number of seconds.
Sleep = Callable[[float], object]
T = TypeVar("T")


def _say_nothing(error: Exception, seconds: float) -> None:
    pass


def growing_pauses(
    first: float, longest: float, total: float, *, clock: Callable[[], float] = time.monotonic
) -> Iterator[float]:
    """Yield pauses in seconds: `first`, then each twice as long, at most `longest`. End after `total` seconds.

    `clock`: function that returns the time in seconds.
    """
    pause, end = first, clock() + total
    while clock() < end:
        yield pause
        pause = min(longest, 2 * pause)


def retry(
    action: Callable[[], T],
    *,
    again: Callable[[Exception], bool],
    pauses: Iterable[float],
    spread: tuple[float, float] = (1.0, 1.0),
    before_pause: Callable[[Exception, float], None] = _say_nothing,
    sleep: Sleep = time.sleep,
) -> T:
    """Call `action` until it raises no temporary error, and return its result. Pause after each temporary error.

    `again`: function that returns True for a temporary error. `pauses`: seconds before each further call; the number
    of pauses limits the number of calls. `spread`: range of a random factor for each pause, so that many programs do
    not retry at the same time. `before_pause`: function that is called with the error and the seconds until the next
    call. `sleep`: function that waits for a number of seconds.

    Raises the first error that is not temporary. After the last pause, `action` is called once more; any error of this
    last call is raised, even a temporary error.
    """
    for pause in pauses:
        try:
            return action()
        except Exception as error:
            if not again(error):
                raise
            seconds = pause * random.uniform(*spread)
            before_pause(error, seconds)
        sleep(seconds)
    return action()
