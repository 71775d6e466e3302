"""Detect a store that does not answer, without waiting for an answer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from kubeque.jobs.backends import Backends
from kubeque.model.config.config_file import hide_password
from kubeque.model.errors import StoreUnavailable
from kubeque.model.quantities import format_seconds

log = logging.getLogger(__name__)
#: Seconds between two requests, if the last request ended with an answer or an error.
_ASK_SECONDS = 5.0
#: Seconds without an answer after which a store counts as silent. An answer usually takes less than a second.
SILENT_SECONDS = 5.0
#: Seconds between two requests, if the last request has not ended. Such a request can last for minutes.
_ASK_AGAIN_SECONDS = 15.0
#: Name of the file that the requests look for. The file need not exist.
_NAME = "kubeque-answers"


class StoreWatch:
    """Sends periodic requests to one store, each in a new thread. Only one thread may call the methods."""

    def __init__(self, url: str, ask: Callable[[], object]) -> None:
        """Make a watch that sends no request yet. `url`: name of the store in messages.

        `ask`: function that sends a request. The error StoreUnavailable means that the store does not answer. Every
        other error counts as an answer.
        """
        self._url = url
        self._ask = ask
        self._lock = threading.Condition()
        #: Times on the monotonic clock, seconds: of the last request, of the last answer, and of the first request
        #: since the last answer. None: no such request or answer.
        self._asked: float | None = None
        self._answered: float | None = None
        self._unanswered: float | None = None
        self._failed = False

    @classmethod
    def of(cls, backends: Backends) -> StoreWatch:
        """Return the watch of the store in which a configuration keeps its results."""
        url = backends.config.default_url_prefix
        return cls(hide_password(url), lambda: backends.files.existing(url, [_NAME]))

    def describe(self) -> str:
        """Return a message if the store does not answer; empty if it answers. Waits as `silent_seconds` does."""
        seconds = self.silent_seconds()
        if not seconds:
            return ""
        since = time.strftime("%H:%M:%S", time.localtime(time.time() - seconds))
        return (
            f"the store {self._url} has not answered since {since} ({format_seconds(seconds)}): running tasks"
            " continue, and their results are stored when the store answers"
        )

    def silent_seconds(self) -> float:
        """Return the number of seconds for which the store has not answered; 0 if it answers.

        The first call waits for an answer, at most SILENT_SECONDS.
        """
        with self._lock:
            self._ask_if_due(time.monotonic())
            if self._answered is None:
                self._lock.wait_for(lambda: self._unanswered is None or self._failed, SILENT_SECONDS)
            silent = time.monotonic() - self._unanswered if self._unanswered is not None else 0.0
            return max(silent, 0.001) if self._failed or silent >= SILENT_SECONDS else 0.0

    def _ask_if_due(self, now: float) -> None:
        pause = _ASK_SECONDS if self._unanswered is None or self._failed else _ASK_AGAIN_SECONDS
        if self._asked is None or now - self._asked >= pause:
            self._asked = now
            self._unanswered = now if self._unanswered is None else self._unanswered
            threading.Thread(target=self._request, name="store watch", daemon=True).start()

    def _request(self) -> None:
        try:
            self._ask()
        except StoreUnavailable:
            with self._lock:
                self._failed = self._unanswered is not None
                self._lock.notify_all()
            return
        except Exception as error:  # for example a refusal, which the code that uses the store reports
            log.debug("%s answered: %s", self._url, error)
        with self._lock:
            self._answered, self._unanswered, self._failed = time.monotonic(), None, False
            self._lock.notify_all()
