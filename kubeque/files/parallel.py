"""Send many requests to a store at the same time.

This module also sets the number of threads for each kind of request. All packages in a layer above `queues` use these
numbers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

# Numbers of threads. Each thread sends one request at a time. A request takes 10 to 100 ms and little CPU. The limits
# are memory, and the requests that a store allows to one client. Requests without contents: queries about one object,
# listings and deletions.
QUESTIONS = 32
#: Reads of small JSON files: specs, links, results.
SMALL_READS = 16
#: Manifests of tasks to fetch. At most 16 manifests are in memory, each with all file names of a task.
MANIFESTS = 8
#: Groups of result files that are downloaded. A group has up to 2 MiB, or one larger file.
DOWNLOADS = 16
#: Groups of result files that a fetch uploads to a different store.
RESULT_UPLOADS = 16
#: Groups of inputs that a submission uploads. The threads share the bandwidth of a laptop.
INPUT_UPLOADS = 8
#: Pages of rows that a submission writes. Each thread has 1,000 rows in memory.
PAGE_WRITES = 8
#: Inputs that a consumer downloads at the same time; also the number of groups of files that it uploads at the same
#: time. Eight consumers may share a machine.
CONSUMER_TRANSFERS = 8
#: Files of this machine that are hashed at the same time. The number of cores is a further limit.
DIGESTS = 8
#: Jobs whose row keys are read at the same time. A job of a million rows takes up to 16 MB.
KEY_READS = 4

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(
    function: Callable[[T], R], items: Iterable[T], *, threads: int, stop: Callable[[], None] = lambda: None
) -> Iterator[R]:
    """Yield the result of `function` for each item, in order. At most `2 * threads` items are in memory.

    If a call fails, `stop` is called, and no further call starts. The error is raised once the running calls have
    ended.
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
    except BaseException:  # also KeyboardInterrupt, and GeneratorExit if a reader stops early
        stop()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
