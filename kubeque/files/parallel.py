"""Send many requests to a store at once; all thread counts of the packages above `queues` are here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

# Number of threads, which is the number of requests that wait for a store at the same time. A request takes 10 to 100
# ms and little CPU, so the limits are memory and what a store allows one client.
#: Questions about one object, listings and deletions: no bytes are held.
QUESTIONS = 32
#: Small JSON files that are read whole: specs, links, results.
SMALL_READS = 16
#: Manifests of tasks to fetch: at most 16 are held, each with up to all file names of a task.
MANIFESTS = 8
#: Groups of result files that are downloaded, up to 2 MiB each, or one larger file.
DOWNLOADS = 16
#: Groups of result files that a fetch uploads to another store.
RESULT_UPLOADS = 16
#: Groups of inputs that a submission uploads: they share the bandwidth of a laptop.
INPUT_UPLOADS = 8
#: Pages of rows that a submission writes: 1,000 rows of memory for each.
PAGE_WRITES = 8
#: Inputs that a consumer downloads, and groups of files that it uploads: eight consumers may share a machine.
CONSUMER_TRANSFERS = 8
#: Files of this machine whose SHA-256 is computed at once; never more than there are cores.
DIGESTS = 8
#: Jobs whose row keys are read at once: up to 16 MB for a job of a million rows.
KEY_READS = 4

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(
    function: Callable[[T], R], items: Iterable[T], *, threads: int, stop: Callable[[], None] = lambda: None
) -> Iterator[R]:
    """Yield `function` of each item, in order; at most twice as many items as threads are in memory.

    If a call fails, `stop` is called, no further call starts, and the error is raised once the running calls have
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
    except BaseException:  # also KeyboardInterrupt, and GeneratorExit of a reader that stops early
        stop()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
