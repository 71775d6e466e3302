"""One consumer in a pod of a Kubernetes cluster: who it is there, and what it watches."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from pathlib import Path

from kubeque.clusters.in_pod import last_words, told, use_own_certificates
from kubeque.consumer.attempt.leftovers import Leftovers, own_folders
from kubeque.consumer.attempt.memory_watch import OomCounter
from kubeque.consumer.settings import Settings

#: Where programs put things beside their working directory.
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))


def pod_settings(fleet: str, size_class: int, work: Path, linger_seconds: float) -> Settings:
    """The place of the consumer of this pod. Raises ConfigError where it is no pod of ours."""
    environment = dict(os.environ)
    number = environment.get("JOB_COMPLETION_INDEX", "")
    use_own_certificates()
    work.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(work)  # the image's root may be read-only
    return Settings(
        fleet=fleet,
        owner=f"pod:{told('KUBEQUE_POD_NAME')}:{told('KUBEQUE_POD_UID')}",
        work=work,
        size_class=size_class,
        number=int(number) if number.isdigit() else None,
        linger_seconds=linger_seconds,
        journal=_journal,
        environment=environment,
        oom=OomCounter.find(),
        watched=(work, *_TEMPORARY),
        show=_show,
        tidy=Leftovers([*_shared_memory(), *own_folders(_TEMPORARY)]).remove,
    )


def _shared_memory() -> list[Path]:
    """/dev/shm, unless it is the node's."""
    return [] if os.environ.get("KUBEQUE_HOST_IPC") else [Path("/dev/shm")]


def _journal(task: dict[str, object]) -> None:
    last_words(json.dumps(task))


def _show(lines: str) -> None:
    """Into the pod's log. A reader of it that is slow or gone holds up nobody."""
    try:
        sys.stdout.write(lines)
        sys.stdout.flush()
    except OSError as error:
        logging.debug("not shown: %s", error)
