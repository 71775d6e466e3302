"""Count the function calls of a piece of work: a measure of its cost that does not depend on the machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def count_calls(function: Callable[[], Any], below: str = "") -> int:
    """Return how many functions, of Python and of C, are called while `function` runs.

    If `below` is given, only Python functions of files whose path contains it count.
    """
    calls = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        if below:
            calls += event == "call" and below in frame.f_code.co_filename
        else:
            calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return calls
