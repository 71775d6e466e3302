"""`python -m kubeque.consumer.work`: the consumers of one `kubeque work`. That command becomes this program."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from kubeque.clusters.consumer_process import TERMINATED
from kubeque.clusters.in_pod import queue_url, start_with_queue
from kubeque.consumer.attempt import process_tree
from kubeque.files.mounts import remove_tree
from kubeque.model.sweep.offer import Offer
from kubeque.program_log import start_log

log = logging.getLogger(__name__)
#: Exit codes of consumers without an error. The last one: SIGTERM came before the consumer had begun to handle it.
_IN_ORDER = (0, TERMINATED, -signal.SIGTERM)
#: Seconds between two checks of the consumers.
_CHECK_SECONDS = 0.2


def main(words: list[str] | None = None) -> int:
    """Run the consumers until nothing is left, the time is over, or a signal ends them. Return the exit code.

    The exit code is 0 if each consumer has recorded or given back its tasks; otherwise 1.
    """
    parser = argparse.ArgumentParser(prog="kubeque.consumer.work")
    parser.add_argument("--offer", required=True)
    parser.add_argument("--consumers", type=int, required=True)
    parser.add_argument("--linger", type=float, required=True)
    given = parser.parse_args(words)
    start_log()
    process_tree.adopt_orphans()
    folder = Path(tempfile.mkdtemp(prefix="kubeque-work-"))
    place = WorkPlace(folder, given.offer, given.consumers, given.linger)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: place.leave())
    try:
        return place.run(queue_url())
    finally:
        for problem in remove_tree(folder, after_task=True):
            log.warning("%s", problem)


class WorkPlace:
    """The consumers that one `kubeque work` starts on this machine."""

    def __init__(self, folder: Path, offer: str, consumers: int, linger_seconds: float) -> None:
        self._folder = folder
        self._words = [
            sys.executable, "-m", "kubeque.consumer", "--offer", offer, "--folder", str(folder),
            "--linger", str(linger_seconds),
        ]  # fmt: skip
        self._number = consumers
        self._until = Offer.from_json(offer).until
        self._processes: list[subprocess.Popen[bytes]] = []
        self._leaving = False

    def leave(self) -> None:
        """End the consumers as soon as possible. Their running tasks are stopped, and use up no extra attempt."""
        self._leaving = True

    def run(self, url: str) -> int:
        """Start the consumers and wait for their end. Return the exit code."""
        self._processes = [start_with_queue([*self._words, "--number", str(n)], url) for n in range(self._number)]
        told = False
        while any(code is None for code in self._codes()):
            time.sleep(_CHECK_SECONDS)
            self._end_orphans()
            if not told and (self._leaving or (self._until is not None and time.time() >= self._until)):
                told = True
                self._signal(signal.SIGTERM)
        self._end_orphans()
        failed = [code for code in self._codes() if code not in _IN_ORDER]
        if failed:
            log.error("%d of %d consumers ended with an error", len(failed), self._number)
        return 1 if failed else 0

    def _codes(self) -> Sequence[int | None]:
        return [process.poll() for process in self._processes]

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(number)

    def _end_orphans(self) -> None:
        """End the commands of dead consumers. They became children of this process."""
        consumers = {process.pid for process in self._processes}
        if left := process_tree.own_children() - consumers:
            process_tree.kill_all(left)


if __name__ == "__main__":
    os.umask(0o077)
    process_tree.forbid_inspection()
    sys.exit(main())
