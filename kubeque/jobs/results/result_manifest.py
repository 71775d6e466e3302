"""Read result.json, the manifest of an attempt. Its values are checked, because the program of a task can forge it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import field
from itertools import count
from pathlib import PurePosixPath
from typing import Any

from kubeque.files.layout import manifest_url, output_url, stream_name, stream_url
from kubeque.files.safe_paths import safe_name
from kubeque.files.store import Files
from kubeque.lazy_dataclass import dataclass
from kubeque.model.compatibility.unknown_entries import UNREADABLE
from kubeque.model.errors import FileDamaged, StorageError
from kubeque.model.text import cut

_DIGEST = re.compile(r"[0-9a-f]{64}")
_STREAMS = ("stdout", "stderr")


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One file of an attempt."""

    #: A relative path, checked by `safe_name`.
    name: str
    #: URL of the content; empty if `text` is the content.
    url: str
    #: Size in bytes.
    size: int
    #: SHA-256, hex; empty if not recorded.
    digest: str = ""
    text: bytes = b""
    #: True if the task made the file executable.
    executable: bool = False
    #: True for stdout and stderr.
    is_stream: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of an attempt, from its manifest."""

    #: Files and streams of the attempt.
    files: list[ResultFile] = field(default_factory=list)
    #: Number of files that were not kept.
    refused: int = 0


def read_result(files: Files, attempt_url: str) -> dict[str, Any]:
    """Return the JSON object in result.json of the attempt in the folder `attempt_url`. Its values are not checked.

    Raises FileMissing, StorageError. Raises FileDamaged if the manifest is not a JSON object.
    """
    url = manifest_url(attempt_url)
    result = files.read_json(url)
    if not isinstance(result, dict):
        raise FileDamaged(f"{url} is damaged or forged: it is not a JSON object")
    return result


def read_manifest(files: Files, url: str) -> Manifest:
    """Return the manifest of the attempt in the folder `url`; an empty manifest if `url` is empty.

    Raises FileMissing, StorageError. Raises FileDamaged if the manifest has a form that no consumer writes.
    """
    if not url:
        return Manifest()
    result = read_result(files, url)
    try:
        found = list(_files(result, url))
        taken = {file.name for file in found}
        _check_names(taken)
        return Manifest([*found, *_streams(result, url, taken)], _count_refused(result))
    except (StorageError, *UNREADABLE) as error:
        raise FileDamaged(f"{manifest_url(url)} is damaged or forged: {error}") from error


def read_checked_result(files: Files, attempt_url: str) -> dict[str, Any]:
    """Return the JSON object in result.json of an attempt, after a check of the types of all known keys.

    Unknown keys are not checked. Raises FileMissing, StorageError. Raises FileDamaged for a wrong type.
    """
    result = read_result(files, attempt_url)
    try:
        list(_files(result, attempt_url))
        _check_values(result.get("out") or {})
        for key in ("command", "refused"):
            if not isinstance(result.get(key, []), list):
                raise TypeError(f"{key} is not a list")
        for key in (*_STREAMS, "message"):
            if not isinstance(result.get(key), str | None):
                raise TypeError(f"{key} is not a text")
            (result.get(key) or "").encode()  # raises UnicodeEncodeError for a lone surrogate
        for key in ("seconds", "peak_memory", *(f"{stream}_bytes" for stream in _STREAMS)):
            value = result.get(key, 0) or 0
            if not isinstance(value, int | float) or not abs(value) < 1 << 63:
                raise TypeError(f"{key} is not a number below 2^63")
    except (StorageError, *UNREADABLE) as error:
        raise FileDamaged(f"{manifest_url(attempt_url)} is damaged or forged: {error}") from error
    return result


def read_out_values(files: Files, attempt_url: str) -> dict[str, Any]:
    """Return the values that a task wrote to $KUBEQUE_OUT, from the manifest of its attempt.

    Raises FileMissing, StorageError. Raises FileDamaged if the values have a form that no consumer writes.
    """
    values = read_result(files, attempt_url).get("out")
    if values is None:
        return {}
    try:
        _check_values(values)
    except UNREADABLE as error:
        raise FileDamaged(f"{manifest_url(attempt_url)} is damaged or forged: {error}") from error
    return dict(values)


def _check_values(values: Any) -> None:
    if not isinstance(values, Mapping):
        raise TypeError(f"the values of out are a {type(values).__name__}")
    for key, value in values.items():
        if value is not None and not isinstance(value, str | int | float):
            raise TypeError(f"the value of {cut(repr(key))} is a {type(value).__name__}")
        f"{key}{value}".encode()  # raises UnicodeEncodeError for a lone surrogate


def _files(result: Mapping[str, Any], url: str) -> Iterator[ResultFile]:
    for item in result.get("files", []):
        name, size, digest = item["name"], item["size"], item["digest"]
        if not isinstance(name, str) or not _is_size(size) or not _DIGEST.fullmatch(digest):
            raise ValueError(f"a file is described as {cut(repr(item))}")
        name.encode()  # raises UnicodeEncodeError for a lone surrogate
        executable = item.get("executable") is True
        yield ResultFile(str(safe_name(name)), output_url(url, name), size, digest, executable=executable)


def _is_size(value: Any) -> bool:
    """True if `value` is a possible size of a file, in bytes."""
    return type(value) is int and 0 <= value < 1 << 63


def _count_refused(result: Mapping[str, Any]) -> int:
    named = result.get("refused", [])
    refused = result.get("refused_count", len(named) if isinstance(named, list) else 0)
    return refused if type(refused) is int and refused > 0 else 0


def _streams(result: Mapping[str, Any], url: str, taken: Collection[str]) -> Iterator[ResultFile]:
    """Yield the streams as files, with names that no file or folder of the task has. `taken`: names of the files."""
    taken = {*taken, *(str(parent) for name in taken for parent in PurePosixPath(name).parents)}
    for stream in _STREAMS:
        text, size = result.get(stream), result.get(f"{stream}_bytes", 0)
        name = next(name for name in _stream_names(stream) if name not in taken)
        if not _is_size(size):
            raise ValueError(f"{stream} has {cut(repr(size))} bytes")
        if text is None and size:
            yield ResultFile(
                name, stream_url(url, stream), size, str(result.get(f"{stream}_digest") or ""), is_stream=True
            )
        else:
            data = (text or "").encode()
            yield ResultFile(name, "", len(data), text=data, is_stream=True)


def _stream_names(stream: str) -> Iterator[str]:
    yield stream_name(stream)
    yield from (stream_name(f"{stream}.{number}") for number in count(1))


def _check_names(names: set[str]) -> None:
    for name in names:
        for parent in PurePosixPath(name).parents:
            if str(parent) in names:
                raise ValueError(f"{cut(str(parent))!r} is both a file and a folder")
