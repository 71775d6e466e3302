"""`python -m kubeque.consumer`: run one consumer. Clusters start this program; users never do."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from pathlib import Path

from kubeque.clusters.consumer_process import TERMINATED
from kubeque.clusters.in_pod import queue_url, start_with_queue, write_termination_message
from kubeque.clusters.local import slot_folder
from kubeque.clusters.slot import Slot
from kubeque.consumer.attempt import process_tree
from kubeque.consumer.hosts.base import Host
from kubeque.consumer.hosts.local import LocalHost, remove_left_work
from kubeque.consumer.hosts.pod import PodHost
from kubeque.consumer.hosts.work import WorkHost
from kubeque.consumer.loop import Consumer
from kubeque.files.store import Files
from kubeque.model.errors import KubequeError
from kubeque.model.sweep.offer import Offer
from kubeque.program_log import start_log
from kubeque.queues.open import open_queue
from kubeque.queues.queue import Queue


def main(words: list[str] | None = None) -> int:
    """Run one consumer until it leaves: in a slot, in a pod, or for `kubeque work`. Return the exit code."""
    parser = argparse.ArgumentParser(prog="kubeque.consumer")
    parser.add_argument("--fleet")
    parser.add_argument("--linger", type=float, default=5.0)
    here = parser.add_argument_group("on one machine")
    here.add_argument("--home", type=Path)
    here.add_argument("--slot", type=int)
    pod = parser.add_argument_group("in a pod")
    pod.add_argument("--shape", type=int)
    pod.add_argument("--work", type=Path)
    elsewhere = parser.add_argument_group("started by kubeque work")
    elsewhere.add_argument("--offer", type=Offer.from_json)
    elsewhere.add_argument("--folder", type=Path)
    elsewhere.add_argument("--number", type=int)
    given = parser.parse_args(words)
    start_log()
    serve = _at_work if given.offer is not None else _in_slot if given.slot is not None else _in_pod
    try:
        return serve(given)
    except KubequeError as error:
        logging.error("%s", error)
        if serve is _in_pod:
            write_termination_message(str(error))
        return error.exit_code


def _in_slot(given: argparse.Namespace) -> int:
    url = queue_url()
    slot = Slot(slot_folder(given.home, given.fleet), given.slot)
    if not slot.take():
        return 0  # another consumer has this slot
    remove_left_work(given.home, slot)
    host = LocalHost.open(given.fleet, given.home, slot, url, linger_seconds=given.linger)
    queue = open_queue(url, create=False)
    while True:
        code = _serve(queue, host)
        slot.leave()
        # A submission may have seen this slot as taken, and so started no consumer. Check for new jobs once more, now
        # that the slot counts as free.
        if code is not None or not any(job.startable and queue.counts(job).pending for job in queue.jobs(given.fleet)):
            if code != TERMINATED:
                _start_closing(queue, url, given)
            return code or 0
        slot.announce()


def _start_closing(queue: Queue, url: str, given: argparse.Namespace) -> None:
    """If a job of the fleet has ended, start a process that closes the job: it writes the table and the report.

    So jobs are closed even if no client runs. A separate process is used, because it outlives the consumer, and loads
    modules that a consumer does not need.
    """
    if any(job.closing is None and job.may_close(queue.counts(job)) for job in queue.jobs(given.fleet)):
        words = ["--fleet", given.fleet, "--home", str(given.home)]
        try:
            start_with_queue([sys.executable, "-m", "kubeque.jobs.closing", *words], url)
        except OSError as error:
            logging.error("ended jobs cannot be closed now; the next client does it: %s", error)


def _in_pod(given: argparse.Namespace) -> int:
    host = PodHost.open(given.fleet, given.shape, given.work, linger_seconds=given.linger)
    code = _serve(open_queue(queue_url()), host)
    write_termination_message("")
    return code or 0


def _at_work(given: argparse.Namespace) -> int:
    host = WorkHost.open(given.folder, given.number, given.offer, linger_seconds=given.linger)
    return _serve(open_queue(queue_url(), create=False), host) or 0


def _serve(queue: Queue, host: Host) -> int | None:
    """Run a consumer until it leaves, and return its exit code; None if no work was left."""
    process_tree.adopt_orphans()
    consumer, terminated = Consumer(queue, Files(), host), False

    def leave(number: int, frame: object) -> None:
        nonlocal terminated
        terminated = True
        consumer.leave()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    consumer.run()
    return TERMINATED if terminated else 0 if consumer.retired else None


if __name__ == "__main__":
    os.umask(0o077)
    process_tree.forbid_inspection()
    sys.exit(main())
