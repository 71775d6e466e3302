"""The lock of garbage collection. It prevents the deletion of inputs that a submission needs.

A submission first stores its spec, which names the inputs. Then it waits until the lock is released. Then it checks
which inputs are stored. Garbage collection first takes the lock, and then reads the specs. So at least one of the two
programs detects the other program.
"""

from __future__ import annotations

import contextlib
import itertools
import secrets
import threading
import time
from collections.abc import Callable

from kubeque.files.layout import clearing_url, user_url, users_url
from kubeque.files.urls import join
from kubeque.jobs.backends import Backends
from kubeque.model.errors import FileMissing, StorageError, UserError

#: Seconds after which the process of an unchanged lock counts as dead.
STALE_SECONDS = 60.0
#: Seconds between two changes of a held lock.
_REFRESH_SECONDS = 10.0
#: Maximum size of a lock file and of a registration file, bytes.
_MARK_BYTES = 4096
Sleep = Callable[[float], None]


def register(backends: Backends) -> None:
    """Write the results prefix of this configuration into the store of inputs.

    Garbage collection reads the specs below each registered prefix.
    """
    prefix = backends.config.default_url_prefix
    backends.files.write_new(user_url(backends.config.cas_url_prefix, prefix), prefix.encode())


def users(backends: Backends) -> list[tuple[str, str]]:
    """Return the registered results prefixes, each with the URL of its registration."""
    folder = users_url(backends.config.cas_url_prefix)
    urls = [join(folder, entry.name) for entry in backends.files.entries(folder)]
    return [(_read(backends, url).partition("\n")[0], url) for url in urls]


def _read(backends: Backends, url: str) -> str:
    return backends.files.read(url, _MARK_BYTES).decode(errors="replace")


def wait_until_cleared(backends: Backends, sleep: Sleep = time.sleep) -> None:
    """Wait until no process holds the lock of garbage collection. Delete the lock of a dead process."""
    seen, waited = "", 0.0
    while True:
        try:
            mark = _read(backends, clearing_url(backends.config.cas_url_prefix))
        except FileMissing:
            return
        waited = waited + 1.0 if mark == seen else 0.0
        if waited > STALE_SECONDS:
            backends.files.delete(clearing_url(backends.config.cas_url_prefix))
            return
        seen = mark
        sleep(1.0)


class Clearing:
    """A context manager that holds the lock of garbage collection.

    Raises UserError at the start of the block if another process holds the lock.
    """

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._url = clearing_url(backends.config.cas_url_prefix)
        self._token = secrets.token_hex(8)
        self._over = threading.Event()
        self._breath = threading.Thread(target=self._stay, name="kubeque-clearing", daemon=True)

    def __enter__(self) -> Clearing:
        if not self._backends.files.write_new(self._url, self._token.encode()):
            raise UserError(f"another gc is running: wait until it has ended; if no gc is running, delete {self._url}")
        self._breath.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._breath.join()
        if self._held():
            self._backends.files.delete(self._url)

    def check(self) -> None:
        """Raise UserError if another process considered this process dead and deleted the lock.

        Must be called before each deletion.
        """
        if not self._held():
            raise UserError(
                "this process was stopped while it deleted files, so another process considered it dead: run gc again"
            )

    def _stay(self) -> None:
        """Change the lock every `_REFRESH_SECONDS` to show that this process is alive."""
        for count in itertools.count(1):
            if self._over.wait(_REFRESH_SECONDS):
                return
            with contextlib.suppress(StorageError):
                if not self._held():
                    return
                self._backends.files.write(self._url, f"{self._token} {count}".encode())

    def _held(self) -> bool:
        try:
            return _read(self._backends, self._url).startswith(self._token)
        except FileMissing:
            return False
