"""URLs of files. A plain path or a `file://` URL is on this machine. A URL with any other scheme is in a store."""

from __future__ import annotations

from urllib.parse import urlsplit

from kubeque.model.errors import StorageError

_FILE = "file://"


def is_folder(url: str) -> bool:
    """True if `url` is on this machine: a plain path, or a URL with `file://`."""
    return "://" not in url or url.startswith(_FILE)


def scheme(url: str) -> str:
    """Return the scheme of a URL, for example `gs` for `gs://bucket/key`; empty for a plain path."""
    head, separator, _ = url.partition("://")
    return head if separator else ""


def local_path(url: str) -> str:
    """Return the path of a file on this machine. `url`: a plain path, which is returned unchanged, or a `file://` URL.

    Raises StorageError if the `file://` URL has a relative path.
    """
    if not url.startswith(_FILE):
        return url
    path = url[len(_FILE) :]
    if not path.startswith("/"):
        raise StorageError(f"{url!r} is not a valid path: write file:// and an absolute path, for example file:///data")
    return path


def join(url: str, *names: str) -> str:
    """Return `url` with the names appended, separated by slashes. Check names from outside with `safe_name` first."""
    if not names:
        return url
    below = "/".join(name.strip("/") for name in names)
    head, separator, rest = url.rpartition("://")
    if separator and not rest:
        return f"{url}{below}"
    return f"{head}{separator}{rest.rstrip('/')}/{below}"


def split(url: str) -> tuple[str, str]:
    """Return the bucket or host of a URL, and the key in it: `gs://bucket` and `some/key` for `gs://bucket/some/key`.

    For a path of this machine, return an empty text and the path.
    """
    if is_folder(url):
        return "", local_path(url)
    head, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    return f"{head}://{bucket}", key.strip("/")


def base_name(path: str) -> str:
    """Return the last part of a path or URL, without the query of the URL. This is the default name of an input."""
    if scheme(path) in ("http", "https"):
        path = urlsplit(path).path
    return path.rstrip("/").rpartition("/")[2]
