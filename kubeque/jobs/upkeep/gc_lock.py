"""Between those who upload inputs and the one who clears away unused ones: none pulls a file from under the other.

A submission writes its spec, which names its inputs, then looks whether somebody clears away, then which inputs are
there. Whoever clears away says so first and reads the specs then. So one of the two always sees the other, and a
submission waits until that is over.
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

#: A mark that stood unchanged for so long was left by a process that died.
STALE_SECONDS = 60.0
_REFRESH_SECONDS = 10.0
Sleep = Callable[[float], None]


def register(backends: Backends) -> None:
    """Note that specs below our results prefix name inputs here: whoever clears away has to read them."""
    prefix = backends.config.default_url_prefix
    backends.files.write_new(user_url(backends.config.cas_url_prefix, prefix), prefix.encode())


def users(backends: Backends) -> list[tuple[str, str]]:
    """The results prefixes whose specs may name inputs here, each with the URL of its note."""
    folder = users_url(backends.config.cas_url_prefix)
    urls = [join(folder, entry.name) for entry in backends.files.entries(folder)]
    return [(backends.files.read(url).decode().partition("\n")[0], url) for url in urls]


def wait_until_cleared(backends: Backends, sleep: Sleep = time.sleep) -> None:
    """Return once nobody clears away. A mark whose owner died is taken off."""
    seen, waited = b"", 0.0
    while True:
        try:
            mark = backends.files.read(clearing_url(backends.config.cas_url_prefix))
        except FileMissing:
            return
        waited = waited + 1.0 if mark == seen else 0.0
        if waited > STALE_SECONDS:
            backends.files.delete(clearing_url(backends.config.cas_url_prefix))
            return
        seen = mark
        sleep(1.0)


class Clearing:
    """Held by the one who clears away."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._url = clearing_url(backends.config.cas_url_prefix)
        self._token = secrets.token_hex(8)
        self._over = threading.Event()
        self._breath = threading.Thread(target=self._stay, name="kubeque-clearing", daemon=True)

    def __enter__(self) -> Clearing:
        if not self._backends.files.write_new(self._url, self._token.encode()):
            raise UserError(f"another gc is running: wait until it has ended; if none is running, delete {self._url}")
        self._breath.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._breath.join()
        if self._held():
            self._backends.files.delete(self._url)

    def check(self) -> None:
        """Before each deletion. Raises UserError if somebody took us for dead."""
        if not self._held():
            raise UserError("this process stood still while it cleared away and was taken for dead: begin again")

    def _stay(self) -> None:
        """Change the mark now and then: it is not a dead process's."""
        for count in itertools.count(1):
            if self._over.wait(_REFRESH_SECONDS):
                return
            with contextlib.suppress(StorageError):
                if not self._held():
                    return
                self._backends.files.write(self._url, f"{self._token} {count}".encode())

    def _held(self) -> bool:
        try:
            return self._backends.files.read(self._url).decode().startswith(self._token)
        except FileMissing:
            return False
