"""A cache of a fixed number of values, of which the value that was not used for the longest time is dropped first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class RecentlyUsed(Generic[Key, Value]):
    """A cache with at most `limit` values. The class is thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        #: The values by key, the one that was used last at the end.
        self._values: dict[Key, Value] = {}
        self._lock = threading.Lock()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """Return the value of `key`. If the cache does not have it, call `make`, and keep the result.

        Other threads can use the cache while `make` runs. If `make` raises an error, nothing is kept.
        """
        with self._lock:
            if key in self._values:
                self._values[key] = value = self._values.pop(key)
                return value
        made = make()
        with self._lock:
            self._values.pop(key, None)
            while len(self._values) >= self._limit:
                del self._values[next(iter(self._values))]
            self._values[key] = made
        return made
