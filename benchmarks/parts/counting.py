"""A backend that counts its calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from kubeque.queues.backends.backend import Backend, Conflict


class Counting:
    """Backend that passes every call to `store`. `calls`: number of calls by name, and of refused writes."""

    def __init__(self, store: Backend) -> None:
        self._store = store
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.calls[name] += name not in ("now", "close")
            try:
                return method(*args, **kwargs)
            except Conflict:
                self.calls["refused"] += 1
                raise

        return counted
