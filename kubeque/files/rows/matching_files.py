"""Rows made from files. The names of these files, on this machine or in a store, match a pattern."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from kubeque.files.store import Files
from kubeque.files.urls import is_folder, join
from kubeque.model.errors import NoRows, ParametersError
from kubeque.model.globs import translate
from kubeque.model.rows.parameters import from_records
from kubeque.model.rows.rows import MAX_TASKS, Rows
from kubeque.model.text import describe, printable
from kubeque.model.user_paths import expand_home

_WILDCARD = re.compile(r"[*?\[]")


def match_files(files: Files, patterns: Sequence[str], base: Path) -> Rows:
    """Return one row per file, sorted by path within each pattern. A file that matches two patterns gives only one row.

    The columns are `path` (as the pattern gives it: relative to `base`, absolute, or a URL), `name` (without folders)
    and `stem` (the name without its last suffix). `**` matches any number of folders. A name that begins with a dot
    matches only if the pattern also has this dot. Raises ParametersError. Raises StorageError if a store does not
    answer.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        paths = sorted(_match_local(pattern, base) if is_folder(pattern) else _match_store(files, pattern))
        if not paths:
            raise NoRows(f"{_describe(pattern)} matches no file: check the pattern, and put it into single quotes")
        found |= dict.fromkeys(paths)
        if len(found) > MAX_TASKS:
            raise ParametersError(f"{_describe(pattern)} matches more than {MAX_TASKS} files: split the sweep")
    names = [PurePosixPath(path) for path in found]
    return from_records(
        [{"path": path, "name": name.name, "stem": name.stem} for path, name in zip(found, names, strict=True)]
    )


def _describe(pattern: str) -> str:
    return f"the pattern {describe(pattern)} of files"


def _match_local(pattern: str, base: Path) -> Iterator[str]:
    expanded = expand_home(pattern.removeprefix("file://"))
    if (base / expanded).is_dir():
        raise ParametersError(f"{_describe(pattern)} is a folder: write '{printable(expanded.rstrip('/'))}/*'")
    for path in glob.iglob(expanded, root_dir=base, recursive=True):
        if not os.path.isfile(base / path):
            continue
        try:
            path.encode()
        except UnicodeEncodeError as error:
            raise ParametersError(
                f"{_describe(pattern)}: the name of the file {printable(path)!r} is not UTF-8: rename the file"
            ) from error
        yield path


def _match_store(files: Files, pattern: str) -> Iterator[str]:
    """Yield the URLs of objects. Only the folder in front of the first wildcard is listed."""
    wildcard = _WILDCARD.search(pattern)
    folder = pattern[: pattern.rfind("/", 0, wildcard.start() if wildcard else None)]
    if not folder.partition("://")[2]:
        raise ParametersError(f"{_describe(pattern)} does not name a bucket: write it before the first wildcard")
    rest = pattern[len(folder) + 1 :]
    expression = translate([rest])
    shows_hidden = rest.startswith(".") or "/." in rest
    for name, _ in files.listing(folder):
        hidden = any(part.startswith(".") for part in name.split("/"))
        if expression.fullmatch(name) and (shows_hidden or not hidden):
            yield join(folder, name)
