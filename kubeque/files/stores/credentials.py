"""Texts for messages, without secrets: the login of this process at a store, and the remedy for a refused write."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

_GOOGLE, _AMAZON = ("gs", "gcs"), ("s3", "s3a")
_LOG_IN = {
    "gs": "log in with gcloud auth application-default login, or give a key file in GOOGLE_APPLICATION_CREDENTIALS",
    "s3": "log in with aws configure, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
}
_NO_LOGIN = ("locate credentials", "credentials were not found", "anonymous caller", "no credentials")


def identity(kind: str, filesystem: Any, environ: Mapping[str, str] = os.environ) -> str:
    """Return a description of the account with which requests are sent to a store. Sends no request.

    `kind`: scheme of the store. `filesystem`: its file system of fsspec. Return an empty text if the provider of the
    store is neither Google nor Amazon.
    """
    if kind in _GOOGLE:
        login = getattr(getattr(filesystem, "credentials", None), "credentials", None)
        if login is None:
            return "an anonymous user (not logged in)"
        names = (getattr(login, name, None) for name in ("service_account_email", "account"))
        return next((str(name) for name in names if name and name != "default"), "the default Google account")
    if kind in _AMAZON:
        key = getattr(filesystem, "key", None) or environ.get("AWS_ACCESS_KEY_ID")
        profile = environ.get("AWS_PROFILE", "default")
        return f"access key {key}" if key else f"profile {profile}"
    return ""


def is_nobody(kind: str, filesystem: Any) -> bool:
    """True if requests go to Google itself without a login. False for an emulator.

    Google would refuse a write without a login, but only after a delay, and only if Google can be reached.
    """
    return (
        kind in _GOOGLE
        and filesystem.on_google
        and getattr(getattr(filesystem, "credentials", None), "credentials", None) is None
    )


def remedy(kind: str, said: str) -> str:
    """Return the remedy for a refused write. `kind`: scheme of the store. `said`: answer of the store."""
    log_in = _LOG_IN["gs" if kind in _GOOGLE else "s3"] if kind in (*_GOOGLE, *_AMAZON) else "log in"
    if any(sign in said.lower() for sign in _NO_LOGIN):
        return log_in
    if "RequestTimeTooSkewed" in said or "difference between the request time" in said:
        return "set this machine's clock: the store refuses requests with a wrong time"
    return f"make the bucket, choose another store, or use an account that may write to the bucket ({log_in})"
