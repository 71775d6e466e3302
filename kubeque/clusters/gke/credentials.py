"""Who we are to Google: the credentials of this account, its tokens, and requests in its name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from kubeque.model.errors import ClusterError, ClusterRefused, ClusterUnavailable, MissingExtra
from kubeque.model.text import one_line

_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
#: Seconds for one request.
_PATIENCE = 60.0
_EXTRA = "a cluster on GKE needs Google's libraries: pip install 'kubeque[google,kubernetes]'"


class Login:
    """One account. What it is asked for it fetches when it is first asked."""

    def __init__(self, credentials: Callable[[], Any] | None = None) -> None:
        """`credentials`: what makes google.auth credentials, for whoever has them from elsewhere."""
        self._make = credentials or _default
        self._credentials: Any = None
        self._session: Any = None

    @property
    def credentials(self) -> Any:
        """The credentials, as Google's libraries take them. Raises ClusterError, MissingExtra."""
        if self._credentials is None:
            self._credentials = self._make()
        return self._credentials

    def token(self) -> str:
        """A token that is good for some minutes at least. Raises ClusterError, MissingExtra."""
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
        """The answer of one of Google's REST APIs. Raises ClusterRefused with its status, ClusterUnavailable."""
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import AuthorizedSession
        from requests import RequestException

        if self._session is None:
            self._session = AuthorizedSession(self.credentials)  # type: ignore[no-untyped-call]
        try:
            answer = self._session.request(verb, url, json=body, timeout=_PATIENCE)
        except GoogleAuthError as error:
            raise ClusterError(f"Google does not let this account log in ({one_line(error)}): log in again") from error
        except RequestException as error:
            raise ClusterUnavailable(f"{url} does not answer: {one_line(error)}") from error
        if answer.status_code < 400:
            found = answer.json() if answer.content else {}
            return found if isinstance(found, dict) else {}
        said = f"{verb} {url}: {_said(answer)}"
        if answer.status_code >= 500 or answer.status_code == 429:
            raise ClusterUnavailable(f"Google is not well ({answer.status_code}), ask again later: {said}")
        raise ClusterRefused(f"Google refused {said}", answer.status_code)


def _said(answer: Any) -> str:
    try:
        return one_line(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return one_line(answer.text or answer.reason)


def _default() -> Any:
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
    """Where a server stands for one of Google's, as in `STORAGE_EMULATOR_HOST`; empty: it is Google itself."""
    return os.environ.get(name, "").rstrip("/")
