"""One consumer in a pod of a Kubernetes cluster: who it is there, and what it watches."""

from __future__ import annotations

import json
import logging
import os
import ssl
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from kubeque.consumer.leftovers import Leftovers, own_folders
from kubeque.consumer.settings import Settings
from kubeque.consumer.watchman import OomCounter
from kubeque.model.errors import ConfigError

#: What a container writes here is shown in its pod's status, also after its death.
_TERMINATION_LOG = Path("/dev/termination-log")
_SAID_BYTES = 2000
#: Where programs put things beside their working directory.
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))


def pod_settings(fleet: str, shape: int, work: Path, linger_seconds: float) -> Settings:
    """The place of the consumer of this pod. Raises ConfigError where it is no pod of ours."""
    environment = dict(os.environ)
    _use_own_certificates()
    work.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(work)  # the image's root may be read-only
    return Settings(
        fleet=fleet, owner=f"pod:{_told('KUBEQUE_POD_NAME')}:{_told('KUBEQUE_POD_UID')}", work=work, shape=shape,
        linger_seconds=linger_seconds, journal=_journal, environment=environment, oom=OomCounter.find(),
        watched=(work, *_TEMPORARY), show=_show, tidy=Leftovers([*_shared_memory(), *own_folders(_TEMPORARY)]).remove,
    )  # fmt: skip


def _shared_memory() -> list[Path]:
    """/dev/shm, unless it is the node's."""
    return [] if os.environ.get("KUBEQUE_HOST_IPC") else [Path("/dev/shm")]


def queue_url() -> str:
    """The queue that this pod works for."""
    return _told("KUBEQUE_QUEUE_URL")


def last_words(text: str) -> None:
    """Leave `text` for whoever looks at the pod; empty: nothing is left unfinished."""
    with suppress(OSError):  # an image's own rules may forbid it: then the lease tells
        fd = os.open(_TERMINATION_LOG, os.O_WRONLY | os.O_CLOEXEC)
        try:
            data = text.encode(errors="replace")[:_SAID_BYTES]
            os.pwrite(fd, data, 0)
            os.ftruncate(fd, len(data))
        finally:
            os.close(fd)


def _told(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ConfigError(f"the variable {name} is not set: nobody starts this by hand, pods of kubeque do")
    return value


def _journal(task: dict[str, object]) -> None:
    last_words(json.dumps(task))


def _show(lines: str) -> None:
    """Into the pod's log. A reader of it that is slow or gone holds up nobody."""
    try:
        sys.stdout.write(lines)
        sys.stdout.flush()
    except OSError as error:
        logging.debug("not shown: %s", error)


def _use_own_certificates() -> None:
    """Where the image has no list of authorities in the place where our OpenSSL looks, use ours. For us alone."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile is None and not (paths.capath and any(Path(paths.capath).iterdir())):
        with suppress(ImportError):
            import certifi

            os.environ["SSL_CERT_FILE"] = certifi.where()
