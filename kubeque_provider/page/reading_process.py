"""The process that reads all tasks of a job for the page of sweeps. Its low priority keeps Airflow's web server fast.

The web server starts it as `python -m kubeque_provider.page.reading_process`, and sends requests through its standard
input. The process ends when the web server ends.
"""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kubeque.client import Client
from kubeque.model.config.config import Config
from kubeque.model.errors import KubequeError, UserError
from kubeque_provider.page.reading_messages import FoundRows, Reading, read_message, write_message

#: Increment of the process's niceness, so that other processes run first.
_NICE = 5
#: Maximum size of all cached results, in bytes.
_CACHED_BYTES = 64 * 1024 * 1024
#: Maximum number of clients that stay open.
_CLIENTS = 4


class Cache:
    """Cache of the most recently used results. Their total size in bytes is limited."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Any, tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Any, make: Callable[[], Any], size: Callable[[Any], int]) -> Any:
        if key not in self._kept:
            made = make()
            self._kept[key] = made, size(made)
            self._bytes += self._kept[key][1]
        self._kept.move_to_end(key)
        found = self._kept[key][0]
        while self._bytes > _CACHED_BYTES and self._kept:
            self._bytes -= self._kept.popitem(last=False)[1][1]
        return found


class _Clients:
    """Cache of the most recently used clients, keyed by configuration."""

    def __init__(self) -> None:
        self._open: OrderedDict[Config, Client] = OrderedDict()

    def get(self, config: Config) -> Client:
        if config not in self._open:
            self._open[config] = Client(replace(config, cluster_url="local"))  # nothing here uses the cluster
        self._open.move_to_end(config)
        while len(self._open) > _CLIENTS:
            self._open.popitem(last=False)[1].close()
        return self._open[config]


def search(client: Client, wanted: Reading, cache: Cache) -> FoundRows:
    """Return a page of the tasks that match a search."""
    order = cache.get(
        wanted.key, lambda: client.reader.search(wanted.job, wanted.search), lambda made: made.itemsize * len(made)
    )
    shown = order[wanted.first : wanted.first + wanted.rows]
    return FoundRows([client.reader.line(wanted.job, index) for index in shown], len(order))


def timeline(client: Client, wanted: Reading, cache: Cache) -> str:
    """Return the timeline of the job as HTML."""
    return str(cache.get(wanted.key, lambda: client.reader.timeline(wanted.job), len))


def report(client: Client, wanted: Reading, cache: Cache) -> str:
    """Return the report of the job as HTML."""
    return str(cache.get(wanted.key, lambda: client.reader.report(wanted.job, wanted.counts), len))


def failures(client: Client, wanted: Reading, cache: Cache) -> Any:
    """Return the groups of failed tasks. The client's reader caches them."""
    return client.reader.failures(wanted.job, wanted.counts)


READERS = {"search": search, "timeline": timeline, "report": report, "failures": failures}


def main() -> None:
    """Answer the requests on standard input until it ends."""
    os.nice(_NICE)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # output of a library is not an answer
    clients, cache = _Clients(), Cache()
    while True:
        try:
            wanted = read_message(sys.stdin.buffer)
        except EOFError:
            return
        write_message(answers, _answer(wanted, clients, cache))


def _answer(wanted: Reading, clients: _Clients, cache: Cache) -> tuple[str, Any]:
    """Return "ok" and the result of a request. After an error, return the kind of the error and its message."""
    try:
        return "ok", READERS[wanted.what](clients.get(wanted.config), wanted, cache)
    except UserError as error:
        return "user", str(error)
    except KubequeError as error:
        return "queue", str(error)


if __name__ == "__main__":
    main()
