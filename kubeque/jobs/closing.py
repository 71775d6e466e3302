"""`python -m kubeque.jobs.closing`: close the ended jobs of this machine. Each exiting consumer starts this program."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from kubeque.clusters.in_pod import queue_url
from kubeque.jobs.backends import Backends
from kubeque.jobs.upkeep.reconcile import reconcile
from kubeque.model.config.config import HOME_VARIABLE, Config
from kubeque.model.errors import JobNotFound, KubequeError
from kubeque.program_log import start_log

log = logging.getLogger(__name__)


def close_ended(backends: Backends, fleet: str) -> None:
    """Close the jobs of `fleet` whose tasks have all ended. Log the error of a job that cannot be counted or closed.

    Other processes can close the same jobs at the same time.
    """
    for job in backends.queue.jobs(fleet):
        try:
            if job.closing is None and job.may_close(backends.queue.counts(job)):
                reconcile(backends, job.name, start=False)
        except JobNotFound:
            continue  # the job was removed
        except KubequeError as error:
            log.error("%s could not be closed; the next observer tries again: %s", job.name, error)


def main(words: list[str] | None = None) -> int:
    """Close ended jobs once and return the exit code."""
    parser = argparse.ArgumentParser(prog="kubeque.jobs.closing")
    parser.add_argument("--fleet", required=True)
    parser.add_argument("--home", required=True, type=Path)
    given = parser.parse_args(words)
    start_log()
    try:
        config = Config.from_values(
            {"queue_url": queue_url()}, where="a consumer that leaves", folder=given.home,
            environ={HOME_VARIABLE: str(given.home)},
        )  # fmt: skip
        close_ended(Backends.open(config), given.fleet)
    except KubequeError as error:
        log.error("ended jobs could not be closed: %s", error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
