"""Wait for a condition in a test. The errors show that a test failed while it waited."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class GaveUp(AssertionError):
    """A condition that a test waited for was not met in time."""


class NotStarted(RuntimeError):
    """A server that a test needs did not start. The text ends with its log."""


def until(what: str, test: Callable[[], T], seconds: float = 60, *, every: float = 0.1) -> T:
    """Return the result of `test` once it is true. Raises GaveUp, with the last result, after `seconds`."""
    end = time.monotonic() + seconds
    while not (found := test()):
        if time.monotonic() > end:
            raise GaveUp(f"gave up waiting for {what} after {seconds:g} s; the last value was {found!r}")
        time.sleep(every)
    return found
