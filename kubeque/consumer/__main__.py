"""`python -m kubeque.consumer`: start one consumer. People do not type this; clusters do."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

from kubeque.clusters.in_pod import last_words, queue_url
from kubeque.clusters.local import LocalCluster, Slot, owner_name
from kubeque.consumer.attempt import process_tree
from kubeque.consumer.loop import Consumer
from kubeque.consumer.pod_settings import pod_settings
from kubeque.consumer.settings import Settings
from kubeque.files.store import Files
from kubeque.model.errors import KubequeError
from kubeque.queues.open import open_queue
from kubeque.queues.queue import Queue

#: How a consumer ends that was told to: not 0, which would say that nothing is left to do.
TERMINATED = 143


def main(words: list[str] | None = None) -> int:
    """Run one consumer until nothing is left for its fleet: in a slot of this machine, or in a pod."""
    parser = argparse.ArgumentParser(prog="kubeque.consumer")
    parser.add_argument("--fleet", required=True)
    parser.add_argument("--linger", type=float, default=5.0)
    here = parser.add_argument_group("on one machine")
    here.add_argument("--home", type=Path)
    here.add_argument("--slot", type=int)
    pod = parser.add_argument_group("in a pod")
    pod.add_argument("--shape", type=int)
    pod.add_argument("--work", type=Path)
    given = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    serve = _in_slot if given.slot is not None else _in_pod
    try:
        return serve(given)
    except KubequeError as error:
        logging.error("%s", error)
        if serve is _in_pod:
            last_words(str(error))
        return error.exit_code


def _in_slot(given: argparse.Namespace) -> int:
    slot = Slot(given.home / "fleet", given.slot)
    if not slot.take():
        return 0  # another consumer has this place
    settings = Settings(
        fleet=given.fleet, owner=owner_name(), work=given.home / "work" / str(given.slot), number=given.slot,
        linger_seconds=given.linger, journal=slot.journal, runs=slot.runs, slot=given.slot, placed=slot.there,
        coroner=LocalCluster(given.home, queue_url()).find_death,
    )  # fmt: skip
    queue = open_queue(queue_url(), create=False)
    while True:
        code = _serve(queue, settings)
        slot.leave()
        # A job submitted just before we said so found this place taken: look once more, now that it is seen as free.
        if code is not None or not any(job.open and queue.counts(job).pending for job in queue.jobs(given.fleet)):
            if code != TERMINATED:
                _have_closed(queue, given)
            return code or 0
        slot.announce()


def _have_closed(queue: Queue, given: argparse.Namespace) -> None:
    """See that jobs which have ended get their table and report, though nobody looks: that takes more than is loaded
    here, so it is another process, which outlives this one."""
    if any(job.closing is None and queue.counts(job).ended == job.n for job in queue.jobs(given.fleet)):
        words = ["--fleet", given.fleet, "--home", str(given.home)]
        try:
            subprocess.Popen(
                [sys.executable, "-m", "kubeque.jobs.closing", *words], stdin=subprocess.DEVNULL, start_new_session=True
            )
        except OSError as error:
            logging.error("what has ended is closed by the next look at it: %s", error)


def _in_pod(given: argparse.Namespace) -> int:
    settings = pod_settings(given.fleet, given.shape, given.work, given.linger)
    code = _serve(open_queue(queue_url()), settings)
    last_words("")
    return code or 0


def _serve(queue: Queue, settings: Settings) -> int | None:
    """Work until nothing is left to do; the exit code where somebody wants us to leave before that."""
    process_tree.adopt_orphans()
    consumer, terminated = Consumer(queue, Files(), settings), False

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
    sys.exit(main())
