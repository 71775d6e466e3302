"""Addresses of files: a plain path or `file://` is a folder of this machine, anything else with `://` is elsewhere."""

from __future__ import annotations

from urllib.parse import urlsplit

from kubeque.model.errors import StorageError

_FILE = "file://"


def is_folder(url: str) -> bool:
    """Is this a path of this machine, plain or as `file://`?"""
    return "://" not in url or url.startswith(_FILE)


def scheme(url: str) -> str:
    """`gs` of `gs://bucket/key`; empty for a plain path."""
    head, mark, _ = url.partition("://")
    return head if mark else ""


def local_path(url: str) -> str:
    """The path that a folder's address stands for. Raises StorageError where it is none."""
    if not url.startswith(_FILE):
        return url
    path = url[len(_FILE) :]
    if not path.startswith("/"):
        raise StorageError(f"{url!r} is no address of a file: write file:// and an absolute path, as in file:///data")
    return path


def join(url: str, *names: str) -> str:
    """`url` and names below it, with one slash between. A name that others chose goes through `safe_name` first."""
    if not names:
        return url
    below = "/".join(name.strip("/") for name in names)
    head, mark, rest = url.rpartition("://")
    if mark and not rest:
        return f"{url}{below}"
    return f"{head}{mark}{rest.rstrip('/')}/{below}"


def split(url: str) -> tuple[str, str]:
    """The bucket (or host) and what stands below it: `gs://bucket`, `some/key`. A folder has no bucket."""
    if is_folder(url):
        return "", local_path(url)
    head, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    return f"{head}://{bucket}", key.strip("/")


def base_name(path: str) -> str:
    """The last name of a path or URL, which is what an input is called; the query of a web address is left out."""
    if scheme(path) in ("http", "https"):
        path = urlsplit(path).path
    return path.rstrip("/").rpartition("/")[2]
