"""Send many requests to a store at the same time.

This module also has the number of threads for each kind of request to a store, for all packages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

# Each thread sends one request at a time. A request takes 10 to 100 ms and little CPU. The limits are memory, and the
# number of requests that a store allows to one client.

#: Number of threads for requests without contents: queries about one object, listings and deletions.
QUESTIONS = 32
#: Number of threads that read small JSON files: specs, links, results.
SMALL_READS = 16
#: Number of threads that read the manifests of tasks to fetch. At most 16 manifests are in memory, each with all file
#: names of a task.
MANIFESTS = 8
#: Number of threads that download groups of result files. A group has up to 2 MiB, or one larger file.
DOWNLOADS = 16
#: Number of threads with which a fetch uploads groups of result files to another store.
RESULT_UPLOADS = 16
#: Number of threads with which a submission uploads groups of inputs. The threads share the bandwidth of a laptop.
INPUT_UPLOADS = 8
#: Number of threads with which a submission writes pages of rows. Each thread has 1,000 rows in memory.
PAGE_WRITES = 8
#: Number of threads with which a consumer downloads inputs, and number with which it uploads groups of files. Eight
#: consumers may share a machine.
CONSUMER_TRANSFERS = 8
#: Largest number of threads that compute digests of files of this machine. The number of cores is a further limit.
DIGESTS = 8
#: Number of threads that read the row keys of jobs. The row keys of a job with a million rows have 16 MB.
KEY_READS = 4

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(
    function: Callable[[T], R], items: Iterable[T], *, threads: int, stop: Callable[[], None] = lambda: None
) -> Iterator[R]:
    """Yield the result of `function` for each item, in order. At most `2 * threads` items are in memory.

    If a call of `function` fails, `stop` is called, and no further call starts. The error is raised after the running
    calls have ended.
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
    except BaseException:  # also KeyboardInterrupt, and GeneratorExit if the caller does not read all results
        stop()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
