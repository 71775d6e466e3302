"""Send requests to the process that reads all tasks of a job.

Each web server process starts at most one such process.
"""

from __future__ import annotations

import logging
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from kubeque.client import Client
from kubeque.model.errors import QueueError, QueueUnavailable, UserError
from kubeque_provider.page.reading_messages import Reading, read_message, write_message
from kubeque_provider.page.reading_process import READERS, Cache

log = logging.getLogger(__name__)
#: Time limit of a request in seconds. At the limit, the reader process is ended.
_SECONDS = 300.0
#: Maximum number of requests that wait for the reader process. Each of them occupies a thread of the web server.
_MAX_WAITING = 8
_BUSY = "many large sweeps are being read now: try again in a minute"


class _Process:
    """The reader process. It is started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(_MAX_WAITING)
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, wanted: Reading) -> Any:
        """Return the answer of the reader process to a request.

        Raises UserError or QueueError, as the reader process did.

        Raises QueueUnavailable if too many requests wait, or if the process gives no answer.
        """
        with self._place(), self._lock:
            try:
                kind, answer = self._send(wanted)
            except (OSError, EOFError) as error:
                self.stop()
                raise QueueUnavailable(f"the process that reads sweeps has ended ({error!r}): try again") from None
        if kind == "ok":
            return answer
        raise (UserError if kind == "user" else QueueError)(answer)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise QueueUnavailable(_BUSY)
        try:
            yield
        finally:
            self._places.release()

    def _send(self, wanted: Reading) -> tuple[str, Any]:
        process = self._start()
        pipes = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        write_message(pipes[0], wanted)
        if not select.select([pipes[1]], [], [], _SECONDS)[0]:
            self.stop()
            raise QueueUnavailable(f"the sweep could not be read within {_SECONDS:.0f} seconds: try again later")
        kind, answer = read_message(pipes[1])
        return kind, answer

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            words = [sys.executable, "-P", "-m", "kubeque_provider.page.reading_process"]
            self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self._process

    def stop(self) -> None:
        """End the reader process if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None


_process = _Process()
_cache, _cache_lock = Cache(), threading.Lock()


def read_apart(wanted: Reading) -> Any:
    """Return the result of the function `wanted.what` in the reader process. Raises UserError or QueueError."""
    return _process.ask(wanted)


def read_here(client: Client, wanted: Reading) -> Any:
    """Return the same as `read_apart`, but read in this process.

    Use this function if only Airflow's connections have the login of the store.
    """
    with _cache_lock:
        return READERS[wanted.what](client, wanted, _cache)


def stop_reading() -> None:
    """End the reader process. The next request starts another one."""
    _process.stop()
