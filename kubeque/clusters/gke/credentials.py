"""Load the Google credentials of an account, and send requests with these credentials."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from kubeque.model.errors import ClusterError, ClusterRefused, ClusterUnavailable, MissingExtra
from kubeque.model.text import one_line

_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
#: Timeout of one request in seconds.
_REQUEST_SECONDS = 60.0
_EXTRA = "a cluster on GKE needs Google's libraries: pip install 'kubeque[google,kubernetes]'"


class Login:
    """One Google account. Its credentials are loaded on first use."""

    def __init__(self, credentials: Callable[[], Any] | None = None) -> None:
        """Load nothing yet.

        `credentials`: function that returns google.auth credentials (default: those of this machine).
        """
        self._make = credentials or _default_credentials
        self._credentials: Any = None
        self._session: Any = None

    @property
    def credentials(self) -> Any:
        """Credentials for Google's libraries. Raises ClusterError, MissingExtra."""
        if self._credentials is None:
            self._credentials = self._make()
        return self._credentials

    def token(self) -> str:
        """Return an access token that is valid for at least some minutes. Raises ClusterError, MissingExtra."""
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import Request

        login = self.credentials
        try:
            if not login.valid:
                login.refresh(Request())
        except GoogleAuthError as error:
            raise ClusterError(f"Google does not let this account log in ({one_line(error)}): log in again") from error
        return str(login.token)

    def ask(self, verb: str, url: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a request to a Google REST API, and return the JSON object of the answer.

        Raises ClusterRefused with the HTTP status if Google refuses the request. Raises ClusterUnavailable if Google
        does not answer or fails. Raises ClusterError if the login fails.
        """
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import AuthorizedSession
        from requests import RequestException

        if self._session is None:
            self._session = AuthorizedSession(self.credentials)  # type: ignore[no-untyped-call]
        try:
            answer = self._session.request(verb, url, json=body, timeout=_REQUEST_SECONDS)
        except GoogleAuthError as error:
            raise ClusterError(f"Google does not let this account log in ({one_line(error)}): log in again") from error
        except RequestException as error:
            raise ClusterUnavailable(f"{url} does not answer: {one_line(error)}") from error
        if answer.status_code < 400:
            found = answer.json() if answer.content else {}
            return found if isinstance(found, dict) else {}
        request = f"{verb} {url}: {_error_message(answer)}"
        if answer.status_code >= 500 or answer.status_code == 429:
            raise ClusterUnavailable(f"Google answered with status {answer.status_code}: {request}: try again later")
        raise ClusterRefused(f"Google refused {request}", answer.status_code)


def _error_message(answer: Any) -> str:
    try:
        return one_line(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return one_line(answer.text or answer.reason)


def _default_credentials() -> Any:
    try:
        import google.auth
    except ImportError as error:
        raise MissingExtra(_EXTRA) from error
    from google.auth.exceptions import GoogleAuthError

    try:
        return google.auth.default(scopes=_SCOPES)[0]
    except GoogleAuthError as error:
        raise ClusterError(
            "there are no Google credentials for the cluster: run `gcloud auth application-default login`, or set"
            " GOOGLE_APPLICATION_CREDENTIALS to a service account's key file"
        ) from error


def emulator(name: str) -> str:
    """Return the address of an emulator from an environment variable, for example `STORAGE_EMULATOR_HOST`; else ""."""
    return os.environ.get(name, "").rstrip("/")
