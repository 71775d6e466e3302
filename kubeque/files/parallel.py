"""Many small requests at once: threads that wait for a store."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(
    function: Callable[[T], R], items: Iterable[T], *, threads: int, stop: Callable[[], None] = lambda: None
) -> Iterator[R]:
    """`function` of each item, in the order of the items, of which at most twice as many as threads are held.

    The first error is raised; what had not begun then never does, and what had is waited for, after a call of `stop`.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="kubeque-files")
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BaseException:  # Ctrl-C too, and a reader who has seen enough
        stop()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
