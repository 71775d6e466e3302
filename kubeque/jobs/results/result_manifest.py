"""What an attempt left, as its result.json says. A task may have written anything there: nothing in it is trusted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from kubeque.files.layout import manifest_url, output_url, stream_name, stream_url
from kubeque.files.safe_paths import safe_name
from kubeque.files.store import Files
from kubeque.model.errors import FileDamaged, StorageError
from kubeque.model.text import cut

_DIGEST = re.compile(r"[0-9a-f]{64}")
_STREAMS = ("stdout", "stderr")


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One file that an attempt left."""

    #: Relative, and checked to lead downwards.
    name: str
    #: Where its bytes are; empty where `text` has them.
    url: str
    #: Bytes.
    size: int
    #: SHA-256, hex; empty where none was noted.
    digest: str = ""
    text: bytes = b""


def read_manifest(files: Files, url: str) -> list[ResultFile]:
    """The files of the attempt whose folder is `url`, its streams among them; none where nothing was stored.

    Raises FileMissing, FileDamaged for a manifest that no consumer writes, StorageError.
    """
    if not url:
        return []
    source = manifest_url(url)
    said = files.read_json(source)
    try:
        found = list(_files(said, url))
        taken = {file.name for file in found}
        _check_names(taken)
        return [*found, *(stream for stream in _streams(said, url) if stream.name not in taken)]
    except (StorageError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise FileDamaged(f"{source} is damaged or forged: {error}") from error


def _files(said: Mapping[str, Any], url: str) -> Iterator[ResultFile]:
    for item in said.get("files", []):
        name, size, digest = item["name"], item["size"], item["digest"]
        if not isinstance(name, str) or type(size) is not int or size < 0 or not _DIGEST.fullmatch(digest):
            raise ValueError(f"a file is described as {cut(repr(item))}")
        name.encode()  # a lone surrogate is no name
        yield ResultFile(str(safe_name(name)), output_url(url, name), size, digest)


def _streams(said: Mapping[str, Any], url: str) -> Iterator[ResultFile]:
    """The streams as files. A file of the same name that the task itself wrote goes before."""
    for stream in _STREAMS:
        text, size = said.get(stream), said.get(f"{stream}_bytes", 0)
        name = stream_name(stream)
        if text is None and size:
            yield ResultFile(name, stream_url(url, stream), int(size), str(said.get(f"{stream}_digest") or ""))
        else:
            data = (text or "").encode()
            yield ResultFile(name, "", len(data), text=data)


def _check_names(names: set[str]) -> None:
    for name in names:
        for parent in PurePosixPath(name).parents:
            if str(parent) in names:
                raise ValueError(f"{cut(str(parent))!r} is both a file and a folder")
