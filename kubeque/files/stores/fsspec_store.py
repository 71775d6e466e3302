"""Open the fsspec file system of a URL. No other module imports fsspec or gcsfs."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

from kubeque.files.stores.errors import reason, translate_error
from kubeque.files.stores.object_store import ObjectStore
from kubeque.files.stores.piece_transfer import Pieces
from kubeque.files.urls import scheme
from kubeque.model.errors import ConfigError, MissingExtra

#: Arguments of `pip install` for the libraries of a store, by scheme.
_LIBRARIES = {
    "gs": "'kubeque[google]'",
    "gcs": "'kubeque[google]'",
    "s3": "'kubeque[s3]'",
    "s3a": "'kubeque[s3]'",
    "http": "aiohttp requests",
    "https": "aiohttp requests",
}


def open_store(
    url: str, options: Mapping[str, Mapping[str, Any]], pieces: Pieces, login: Callable[[str], Any] | None = None
) -> ObjectStore:
    """Return the store that contains `url`. `options`: keyword arguments for fsspec, by scheme.

    `pieces`: sizes of the pieces of large files. `login`: function that gets a URL, and returns further keyword
    arguments, a file system of fsspec, or None.

    Raises MissingExtra if a library is missing. Raises ConfigError if the scheme is unknown. Raises StorageError if the
    login fails.
    """
    kind = scheme(url)
    try:
        # A cached listing would hide files that other processes have written. A cached file system from earlier in this
        # process would keep an old address and login.
        usual = {"use_listings_cache": False, "skip_instance_cache": True}
        given = login(url) if login else None
        if given is None or isinstance(given, Mapping):
            filesystem = _file_system(kind, url, {**usual, **options.get(kind, {}), **(given or {})})
        else:
            filesystem = given
    except ImportError as error:
        remedy = f"pip install {_LIBRARIES[kind]}" if kind in _LIBRARIES else str(error)
        raise MissingExtra(f"{url}: {kind}:// needs a library that is not installed: {remedy}") from error
    except ValueError as error:
        raise ConfigError(
            f"{url}: {kind}:// is not a known kind of store ({reason(error)}): write gs:// or s3://"
        ) from error
    # A login may raise any error of the store's library.
    except Exception as error:
        raise translate_error("open", url, error) from error
    ranges = kind in ("gs", "gcs", "s3", "s3a")
    return ObjectStore(filesystem, in_memory=kind == "memory", ranges=ranges, pieces=pieces)


def _file_system(kind: str, url: str, options: Mapping[str, Any]) -> Any:
    # These libraries also raise the errors that they log. Without a handler, Python would print their log messages. For
    # example, asyncio logs a thousand lines if s3fs gives up requests because the network fails.
    for library in ("asyncio", "gcsfs", "google.auth"):
        logging.getLogger(library).addHandler(logging.NullHandler())
    if kind in ("gs", "gcs"):
        from gcsfs.core import GCSFileSystem

        # The class that fsspec would choose first requests the kind of each bucket by gRPC, which is not needed here.
        # This request takes a minute if the server supports only HTTP. Without a login, it logs a warning each time.
        return GCSFileSystem(**(options if "token" in options else {**options, "token": _google_token()}))
    from fsspec.core import url_to_fs

    return url_to_fs(url, **options)[0]


def _google_token() -> Any:
    """Return the Google credentials of this machine. Without credentials, return "anon", which can read public objects.

    With the token "anon", gcsfs starts immediately. Without a token, gcsfs would first wait half a minute for a
    metadata server.
    """
    if os.environ.get("STORAGE_EMULATOR_HOST"):
        return "anon"
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        return google.auth.default(scopes=["https://www.googleapis.com/auth/devstorage.full_control"])[0]
    except DefaultCredentialsError:
        return "anon"
