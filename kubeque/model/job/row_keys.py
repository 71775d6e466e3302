"""Row keys. Two rows with equal keys run the same command on the same inputs, values and image."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kubeque.model.command.command import Word
from kubeque.model.job.spec import Input, JobSpec
from kubeque.model.rows.rows import INDEX, read_types

#: Size of one key, in bytes.
KEY_BYTES = 16
#: Version of the rules for the contents of keys. It is part of every key, so that keys of different versions differ.
_VERSION = 1
_BY_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def no_keys(spec: JobSpec) -> str:
    """Return the reason why the rows of a spec have no keys, with a remedy; empty if they have keys."""
    if not spec.local and spec.image and not _digest(spec.image):
        return (
            f"the image {spec.image} has a tag instead of a digest, and the image of a tag can change: give the image"
            " with its digest"
        )
    for item in [*spec.inputs, *spec.row_inputs.values()]:
        if not item.digest and not item.generation:
            return f"the store of {item.url} does not report changes of the file: upload the file from this machine"
    return ""


def row_keys(spec: JobSpec, rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """Yield the key of each row, in order. Call this only if `no_keys` returns an empty text.

    A key is a BLAKE2b digest of:

    - the words of the command as rendered for the row; a file is represented by its name in the working directory, and
      by its digest or generation
    - the row's values by column
    - the files that all tasks get
    - the environment that the sweep sets
    - the rules for kept files
    - the image
    - for a function: in place of its files, a digest of its source and its call; also the type of each value that the
      function gets with a type other than text

    The row's index is part of the key only if the command contains {index}, or if the rows have no columns. Only one
    row is in memory at a time.
    """
    columns = spec.rows.columns
    order = sorted(range(len(columns)), key=columns.__getitem__)
    call = spec.function
    files = [item for item in spec.inputs if not (call and item.name in call.files)]
    own_files = [[call.files[0], False, call.key]] if call else []
    common = {
        "version": _VERSION, "shell": spec.shell, "results": sorted(spec.results), "ignore": sorted(spec.ignore),
        "env": sorted(spec.env.items()), "inputs": sorted([*map(_identity, files), *own_files]),
        "image": "" if spec.local else _digest(spec.image), "columns": [columns[at] for at in order],
    }  # fmt: skip
    start = hashlib.blake2b(_encode(common).encode(), digest_size=KEY_BYTES)
    for index, values in enumerate(rows):
        row = {**dict(zip(columns, values, strict=True)), INDEX: str(index)}
        key = start.copy()
        own: list[Any] = [values[at] for at in order] if columns else [row[INDEX]]
        own += _types(spec, index)
        key.update(_encode([[_word(word, row, spec) for word in spec.command], own]).encode())
        yield key.digest()


def own_values(spec: JobSpec, rows: Iterable[Sequence[str]], *, numbered: bool) -> Iterator[bytes]:
    """Yield a digest of each row's values, in order. The command, the inputs and the environment do not count.

    `numbered`: True if the index of a row counts as one of the values. Without columns, the index always counts.
    """
    columns = spec.rows.columns
    order = sorted(range(len(columns)), key=columns.__getitem__)
    for index, values in enumerate(rows):
        own: list[Any] = [[values[at] for at in order], index if numbered or not columns else -1, _types(spec, index)]
        yield hashlib.blake2b(_encode(own).encode(), digest_size=KEY_BYTES).digest()


def has_index(spec: JobSpec) -> bool:
    """True if the command of a spec contains the index of the row."""
    return any(INDEX in word.columns for word in spec.command)


def _types(spec: JobSpec, index: int) -> list[list[str]]:
    """Return [column, type] for each value of row `index` that a function gets with a type other than text."""
    if spec.function is None or not spec.rows.types:
        return []
    found = read_types(spec.rows, index)
    return sorted([name, found[name]] for name in spec.function.columns if name in found)


def _word(word: Word, row: dict[str, str], spec: JobSpec) -> Any:
    text = word.render(row)
    if not word.upload:
        return text
    # The path on the submitter's machine is left out, because it can change. A file for all rows is part of the key as
    # an input.
    own = spec.row_inputs.get(text)
    return _identity(own) if own else [text.rstrip("/").rpartition("/")[2]]


def _identity(item: Input) -> list[Any]:
    return [item.name, item.executable, item.digest or [item.url, item.generation]]


def _digest(image: str) -> str:
    """Return the digest in the name of an image, without the registry; empty if the name contains no digest."""
    found = _BY_DIGEST.search(image.rpartition("@")[2]) if "@" in image else None
    return found.group() if found else ""
