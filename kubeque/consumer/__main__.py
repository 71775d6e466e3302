"""`python -m kubeque.consumer`: start one consumer. People do not type this; clusters do."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from pathlib import Path

from kubeque.clusters.local import LocalCluster, Slot, owner_name
from kubeque.consumer import tree
from kubeque.consumer.loop import Consumer
from kubeque.consumer.settings import Settings
from kubeque.files.store import Files
from kubeque.model.errors import KubequeError
from kubeque.queues.open import open_queue

#: How a consumer ends that was told to: not 0, which would say that nothing is left to do.
TERMINATED = 143


def main(words: list[str] | None = None) -> int:
    """Run one consumer on this machine until nothing is left for its fleet."""
    parser = argparse.ArgumentParser(prog="kubeque.consumer")
    parser.add_argument("--queue", required=True)
    parser.add_argument("--fleet", required=True)
    parser.add_argument("--home", required=True, type=Path)
    parser.add_argument("--slot", required=True, type=int)
    parser.add_argument("--linger", type=float, default=5.0)
    given = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    slot = Slot(given.home / "fleet", given.slot)
    if not slot.take():
        return 0  # another consumer has this place
    try:
        return _serve(slot, given)
    except KubequeError as error:
        logging.error("%s", error)
        return error.exit_code


def _serve(slot: Slot, given: argparse.Namespace) -> int:
    tree.adopt_orphans()
    queue = open_queue(given.queue)
    cluster = LocalCluster(given.home, given.queue)
    settings = Settings(
        fleet=given.fleet, owner=owner_name(), work=given.home / "work" / str(given.slot), linger_seconds=given.linger,
        journal=slot.journal, coroner=cluster.coroner,
    )  # fmt: skip
    terminated = False
    while True:
        consumer = Consumer(queue, Files(), settings)

        def leave(number: int, frame: object, consumer: Consumer = consumer) -> None:
            nonlocal terminated
            terminated = True
            consumer.leave()

        signal.signal(signal.SIGTERM, leave)
        signal.signal(signal.SIGINT, leave)
        consumer.run()
        slot.leave()
        # A job submitted just before we said so found this place taken: look once more, now that it is seen as free.
        waiting = any(job.open and queue.counts(job).pending for job in queue.jobs(given.fleet))
        if terminated or not waiting:
            return TERMINATED if terminated else 0
        slot.announce()


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
