"""Variables, queue URL, certificates and termination message of consumers, keepers and the closing program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from kubeque.model.errors import ConfigError

#: Kubernetes copies the contents of this file into the pod's status when the container ends.
_TERMINATION_LOG = Path("/dev/termination-log")
#: Maximum size of the termination message in bytes.
_MESSAGE_BYTES = 2000
#: Environment variable with the URL of the queue, including the password.
QUEUE_VARIABLE = "KUBEQUE_QUEUE_URL"


def required_variable(name: str) -> str:
    """Return the value of a variable that kubeque sets for its processes. Raises ConfigError if it has no value."""
    value = os.environ.get(name)
    if not value:
        raise ConfigError(f"the variable {name} is not set: only kubeque itself starts this program")
    return value


def queue_url() -> str:
    """Return the URL of the queue: in a pod from a variable, on one machine from the first line of standard input.

    The URL is not an argument, because every user of the machine can read arguments. On one machine, a variable is not
    safe either, because the programs of tasks can read the environment of processes of the same user. Raises
    ConfigError if no URL is given.
    """
    if QUEUE_VARIABLE not in os.environ and not sys.stdin.isatty():
        return sys.stdin.readline().strip() or required_variable(QUEUE_VARIABLE)
    return required_variable(QUEUE_VARIABLE)


def start_with_queue(words: Sequence[str], url: str, **options: Any) -> subprocess.Popen[bytes]:
    """Start a process that outlives this process, and pass it the URL of the queue on standard input.

    The process must call `queue_url`. `options`: further options of Popen. Raises OSError.
    """
    process = subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True, **options)
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as stdin:  # the process has already ended
        stdin.write(f"{url}\n".encode())
    return process


def become_with_queue(words: Sequence[str], url: str) -> NoReturn:
    """Replace this process by a program that calls `queue_url`. The process keeps its pid. Raises OSError."""
    reader, writer = os.pipe()
    os.write(writer, f"{url}\n".encode())
    os.close(writer)
    os.dup2(reader, 0)
    os.close(reader)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(words[0], list(words))


def write_termination_message(text: str) -> None:
    """Write the termination message of this container. An empty text clears the message."""
    with suppress(OSError):  # if the image forbids writing, only the lease has the information
        fd = os.open(_TERMINATION_LOG, os.O_WRONLY | os.O_CLOEXEC)
        try:
            data = text.encode(errors="replace")[:_MESSAGE_BYTES]
            os.pwrite(fd, data, 0)
            os.ftruncate(fd, len(data))
        finally:
            os.close(fd)


def use_own_certificates() -> None:
    """Use the certificates of certifi in this process if the image has none in the default paths of OpenSSL."""
    import ssl  # imported here, because a consumer on one machine does not need this module

    paths = ssl.get_default_verify_paths()
    if paths.cafile is None and not (paths.capath and any(Path(paths.capath).iterdir())):
        with suppress(ImportError):
            import certifi

            os.environ["SSL_CERT_FILE"] = certifi.where()
