"""What a program of ours is told by its environment, and what it does first, and last, in a pod."""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from pathlib import Path

from kubeque.model.errors import ConfigError

#: What a container writes here is shown in its pod's status, also after its death.
_TERMINATION_LOG = Path("/dev/termination-log")
_SAID_BYTES = 2000
#: Exit code of a consumer or keeper that was told to leave.
TERMINATED = 143
#: Names the queue, with its password where it has one.
QUEUE_VARIABLE = "KUBEQUE_QUEUE_URL"


def told(name: str) -> str:
    """A variable that whoever starts us sets. Raises ConfigError where this is no pod of ours."""
    value = os.environ.get(name)
    if not value:
        raise ConfigError(f"the variable {name} is not set: nobody starts this by hand, kubeque does")
    return value


def queue_url() -> str:
    """The queue that this process works for: not among its words, which every user of the machine may read."""
    return told(QUEUE_VARIABLE)


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


def use_own_certificates() -> None:
    """Where the image has no list of authorities in the place where our OpenSSL looks, use ours. For us alone."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile is None and not (paths.capath and any(Path(paths.capath).iterdir())):
        with suppress(ImportError):
            import certifi

            os.environ["SSL_CERT_FILE"] = certifi.where()
