"""Is everything there that a sweep needs? Each place is tried, and what is wrong comes with what to do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from kubeque.clusters.base import Right
from kubeque.clusters.open import open_cluster
from kubeque.files.store import Files
from kubeque.files.urls import is_folder, local_path
from kubeque.model.config import Config
from kubeque.model.config_text import hide_password
from kubeque.model.errors import KubequeError
from kubeque.model.resources import format_bytes
from kubeque.queues.open import open_queue

#: Less free disk than this is said, bytes.
_LITTLE = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing."""

    what: str
    ok: bool
    #: What is there, or what is wrong and what to do.
    text: str


def check(config: Config) -> Iterator[Finding]:
    """Try queue, store, inputs' store and cluster, one after the other; a fault in one hides none of the others."""
    yield Finding("config", True, str(config.source) if config.source else "no .kubeque file: the embedded default")
    yield _checked("queue", lambda: _queue(config))
    for what, url in (("results", config.default_url_prefix), ("inputs", config.cas_url_prefix)):
        yield _checked(what, partial(_store, url))
    yield from check_cluster(config)
    yield from _disk(config)


def check_cluster(config: Config) -> Iterator[Finding]:
    """Try the cluster, and each right there that it takes."""
    yield _checked("cluster", lambda: _cluster(config))
    for right in _rights(config):
        missing = (
            f"{right.what} {right.trouble}; it is needed {right.needed_for}: docs/howto/kubernetes.md has the Role"
        )
        text = f"{right.what} is allowed" if right.granted else missing
        yield Finding("right", right.granted or right.optional, text)


def _checked(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except KubequeError as error:
        return Finding(what, False, str(error))


def _queue(config: Config) -> str:
    queue = open_queue(config.queue_url)
    try:
        queue.self_test()
        jobs = queue.jobs()
    finally:
        queue.close()
    return f"{hide_password(config.queue_url)}: refuses stale writes as it must, {len(jobs)} jobs"


def _store(url: str) -> str:
    Files().check_writable(url)
    return f"{hide_password(url)}: can be written"


def _cluster(config: Config) -> str:
    cluster = open_cluster(config.cluster_url, config)
    running = len(cluster.consumers(cluster.fleet("doctor")))
    wanted = cluster.default_consumers(1 << 20)
    return f"{config.cluster_url}: {running} consumers run, up to {wanted} for a job"


def _rights(config: Config) -> list[Right]:
    """The rights at the cluster; none where it does not even answer, which was said already."""
    try:
        return open_cluster(config.cluster_url, config).rights()
    except KubequeError:
        return []


def _disk(config: Config) -> Iterator[Finding]:
    """Room where working directories and, on one machine, results are."""
    folders = {str(config.home)} | {local_path(u) for u in (config.default_url_prefix,) if is_folder(u)}
    for folder in sorted(folders):
        there = folder
        while not os.path.isdir(there):
            there = os.path.dirname(there)
        free = shutil.disk_usage(there).free
        text = f"{format_bytes(free)} free below {folder}"
        yield Finding("disk", free >= _LITTLE, text if free >= _LITTLE else f"{text}: make room, or set KUBEQUE_HOME")
