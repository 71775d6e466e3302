"""Check whether pods can reach the queue and the stores of a sweep. Only the URLs are examined."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import parse_qs, urlsplit

from kubeque.model.config.config_file import hide_password
from kubeque.model.sweep.pod_options import PodOptions
from kubeque.model.wording import option

_LOOPBACK = ("", "localhost", "::1")


def find_unreachable(queue_url: str, prefixes: Iterable[str], options: PodOptions) -> str:
    """Return a message about the first URL that pods cannot reach; empty if they can reach all URLs.

    `prefixes`: URLs of results and inputs. `options`: the options of pods, with their volumes. The message names the
    settings to change.
    """
    host_folders = [volume.path for volume in options.volumes if volume.kind == "host" and volume.name == volume.path]
    return _check_queue(queue_url, options, host_folders) or next(
        (why for prefix in prefixes if (why := _check_prefix(prefix, host_folders))), ""
    )


def _check_queue(url: str, options: PodOptions, host_folders: list[str]) -> str:
    scheme, _, rest = url.partition(":")
    if scheme in ("sqlite", "memory"):
        if scheme == "sqlite" and _is_below(rest.removeprefix("//").replace("//", "/"), host_folders):
            return ""
        return (
            f"the queue {url} is a file of this machine, which pods cannot reach: set queue_url to postgresql://... or"
            f" datastore://PROJECT; on a cluster of one machine {option('volume', 'FOLDER:FOLDER')} gives its folder to"
            " the pods"
        )
    if scheme.startswith("postgres") and not (options.pod_template.get("spec") or {}).get("hostNetwork"):
        parts = urlsplit(url)
        host = (parse_qs(parts.query).get("host") or [parts.hostname or ""])[0]
        if host in _LOOPBACK or host.startswith(("127.", "/")):
            return (
                f"the queue {hide_password(url)} is on this machine's own address {host or 'localhost'!r}, which means"
                " another machine in a pod: give the server's host in queue_url"
            )
    return ""


def _check_prefix(prefix: str, host_folders: list[str]) -> str:
    if "://" in prefix and not prefix.startswith("memory://"):
        return ""
    if _is_below(prefix, host_folders):
        return ""
    return (
        f"the store {prefix} is a folder of this machine, which pods cannot reach: set default_url_prefix (and"
        " cas_url_prefix) to gs://BUCKET/FOLDER or s3://BUCKET/FOLDER; on a cluster of one machine"
        f" {option('volume', 'FOLDER:FOLDER')} gives it to the pods"
    )


def _is_below(path: str, folders: list[str]) -> bool:
    return any(PurePosixPath(path).is_relative_to(folder) for folder in folders)


def has_password(url: str) -> bool:
    """True if the URL of a queue contains a password."""
    return hide_password(url) != url
