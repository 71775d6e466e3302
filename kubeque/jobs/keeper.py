"""`python -m kubeque.jobs.keeper`: observe one job until it has ended, in a pod that the cluster starts."""

from __future__ import annotations

import argparse
import json
import logging
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from kubeque import __version__
from kubeque.clusters.consumer_process import TERMINATED
from kubeque.clusters.in_pod import queue_url, use_own_certificates, write_termination_message
from kubeque.clusters.open import open_own_cluster
from kubeque.files.store import Files
from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.reconcile import reconcile
from kubeque.model.compatibility.versions import warn_of_difference
from kubeque.model.config.config import Config
from kubeque.model.errors import ClusterError, ClusterUnavailable, JobNotFound, KubequeError
from kubeque.model.job.job import Job
from kubeque.program_log import start_log
from kubeque.queues.open import open_queue
from kubeque.queues.reaper import LeaseWatch

log = logging.getLogger(__name__)
#: Usual and longest pause between two observations of the job, seconds. The pause doubles after each error.
_LOOK_SECONDS, _LONGEST_SECONDS = 2.0, 30.0


def keep(backends: Backends, name: str, uid: str, *, sleep: Callable[[float], object] = time.sleep) -> str:
    """Reconcile a job until it needs no keeper. Return the reason for the end, as a text for the log.

    `uid`: uid of the job; the keeper ends if a different job now has the name. After an error of the queue, store or
    cluster, try again without a limit, because the keeper can be the only observer of the job.
    """
    watch, pause, said, last = LeaseWatch(), _LOOK_SECONDS, "", None
    while True:
        try:
            job = backends.queue.job(name)
            if job.uid != uid:
                _clear(backends, last, sleep)
                return "another job has its name"
            last = job
            if not said and (warning := warn_of_difference("its record was written by", job.written_by, __version__)):
                log.warning("%s: %s", name, warning)
            progress = reconcile(backends, name, start=True, watch=watch)
        except JobNotFound:
            _clear(backends, last, sleep)
            return "the job was removed"
        except KubequeError as error:
            said = _log_once(logging.WARNING, f"{name}: the keeper tries again: {error}", said)
            pause = min(_LONGEST_SECONDS, 2 * pause)
        else:
            if progress.job.closing is not None:
                _clear(backends, progress.job, sleep)
                return "the job has ended"
            if progress.held:
                return "tasks of the job are held until a user runs kubeque go"
            if progress.job.paused and not backends.queue.is_leased(progress.job):
                return "the job is paused: the keeper starts again when the job is resumed"
            pause = _LOOK_SECONDS
            now = f"{progress.counts.to_wire()}, {progress.consumers} consumers {'; '.join(progress.obstacles)}"
            said = _log_once(logging.INFO, f"{name}: {now}", said)
        sleep(pause * random.uniform(0.8, 1.2))


def _clear(backends: Backends, job: Job | None, sleep: Callable[[float], object]) -> None:
    """Delete the pods and other objects of an ended or removed job. Do nothing if `job` is None.

    If the cluster does not answer, try again without a limit. If the cluster refuses, log the refusal and give up.
    """
    pause = _LOOK_SECONDS
    while job is not None:
        try:
            return backends.cluster.finish(job, removed=True)
        except ClusterUnavailable as error:
            log.warning("%s: its pods are deleted later: %s", job.name, error)
        except ClusterError as error:
            return log.warning("%s: its pods stay: %s", job.name, error)
        sleep(pause)
        pause = min(_LONGEST_SECONDS, 2 * pause)


def _log_once(level: int, text: str, before: str) -> str:
    """Log `text` if it differs from `before`, the text that was logged last. Return `text`."""
    if text != before:
        log.log(level, "%s", text)
    return text


def main(words: list[str] | None = None) -> int:
    """Observe one job from a pod of its cluster; return the exit code."""
    parser = argparse.ArgumentParser(prog="kubeque.jobs.keeper")
    for option in ("--job", "--uid", "--cluster", "--namespace", "--config"):
        parser.add_argument(option, required=True)
    given = parser.parse_args(words)
    start_log()
    signal.signal(signal.SIGTERM, _leave)
    use_own_certificates()
    tempfile.tempdir = str(Path.home())
    try:
        said: Mapping[str, str] = json.loads(given.config)
        values = {**said, "queue_url": queue_url(), "namespace": given.namespace}
        config = Config.from_values(values, where="the keeper's pod", folder=Path.home())
        cluster = open_own_cluster(given.cluster, config)
        backends = Backends(config, open_queue(config.queue_url), Files(), cluster)
        log.info("%s: %s", given.job, keep(backends, given.job, given.uid))
    except KubequeError as error:
        log.error("%s", error)
        write_termination_message(str(error))
        return error.exit_code
    return 0


def _leave(number: int, frame: object) -> None:
    """Exit on SIGTERM with the code TERMINATED. Exit code 0 would mean that the job needs no keeper."""
    sys.exit(TERMINATED)


if __name__ == "__main__":
    sys.exit(main())
