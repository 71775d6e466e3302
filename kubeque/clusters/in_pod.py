"""Environment, certificates and termination message of a consumer, keeper or closer."""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from pathlib import Path

from kubeque.model.errors import ConfigError

#: Kubernetes copies the contents of this file into the pod's status when the container ends.
_TERMINATION_LOG = Path("/dev/termination-log")
#: Limit of the termination message, bytes.
_MESSAGE_BYTES = 2000
#: Variable with the URL of the queue, including its password.
QUEUE_VARIABLE = "KUBEQUE_QUEUE_URL"


def required_variable(name: str) -> str:
    """Return a variable that kubeque sets for its processes. Raises ConfigError if it is missing."""
    value = os.environ.get(name)
    if not value:
        raise ConfigError(f"the variable {name} is not set: only kubeque itself starts this program")
    return value


def queue_url() -> str:
    """Return the URL of the queue. It is not an argument, because every user of the machine can read those."""
    return required_variable(QUEUE_VARIABLE)


def write_termination_message(text: str) -> None:
    """Write the termination message of this container, or clear it with an empty text."""
    with suppress(OSError):  # the image may forbid it; the lease then has the information
        fd = os.open(_TERMINATION_LOG, os.O_WRONLY | os.O_CLOEXEC)
        try:
            data = text.encode(errors="replace")[:_MESSAGE_BYTES]
            os.pwrite(fd, data, 0)
            os.ftruncate(fd, len(data))
        finally:
            os.close(fd)


def use_own_certificates() -> None:
    """Use certifi's authorities in this process if the image has none in the default paths of OpenSSL."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile is None and not (paths.capath and any(Path(paths.capath).iterdir())):
        with suppress(ImportError):
            import certifi

            os.environ["SSL_CERT_FILE"] = certifi.where()
