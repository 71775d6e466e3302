"""Make rows from the files that match a pattern, on this machine or in a store."""

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
from kubeque.model.rows.parameters import from_records, with_roots
from kubeque.model.rows.rows import MAX_TASKS, Rows
from kubeque.model.text import describe, printable
from kubeque.model.user_paths import expand_home

_WILDCARD = re.compile(r"[*?\[]")


def match_files(files: Files, patterns: Sequence[str], base: Path) -> Rows:
    """Return one row for each file that matches a pattern. The rows of each pattern are sorted by path.

    A file that matches several patterns gives only one row. The columns are `path`, `name` (without folders) and `stem`
    (the name without its last suffix). A path is relative to `base`, absolute, or a URL, as the pattern is. The word
    `^{path}` may upload these files, even if they are outside of `base`.

    In a pattern, `**` matches any number of folders. A name that begins with a dot matches only if the pattern also has
    this dot. Raises ParametersError. Raises StorageError if a store does not answer.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        paths = sorted(_match_local(pattern, base) if is_folder(pattern) else _match_store(files, pattern))
        if not paths:
            raise NoRows(f"{_describe(pattern)} matches no file: {_explain(pattern, base)}")
        found |= dict.fromkeys(paths)
        if len(found) > MAX_TASKS:
            raise ParametersError(f"{_describe(pattern)} matches more than {MAX_TASKS} files: split the sweep")
    names = [PurePosixPath(path) for path in found]
    rows = from_records(
        [{"path": path, "name": name.name, "stem": name.stem} for path, name in zip(found, names, strict=True)]
    )
    return with_roots(rows, [_root(_local(pattern) if is_folder(pattern) else pattern) for pattern in patterns])


def _describe(pattern: str) -> str:
    return f"the pattern {describe(pattern)} of files"


def _local(pattern: str) -> str:
    return expand_home(pattern.removeprefix("file://"))


def _root(pattern: str) -> str:
    """Return the folder of a pattern: its start up to the last slash before its first wildcard."""
    wildcard = _WILDCARD.search(pattern)
    return pattern[: pattern.rfind("/", 0, wildcard.start() if wildcard else None) + 1]


def _explain(pattern: str, base: Path) -> str:
    """Return the probable reason why a pattern matches no file, and a remedy, for a message."""
    root = _root(_local(pattern)) if is_folder(pattern) else ""
    if root and not os.path.isdir(base / root):
        return f"there is no folder {printable(root)}; relative patterns start at {base}"
    if root and not os.access(base / root, os.R_OK | os.X_OK):
        return f"this user may not read the folder {printable(root)}: change its permissions"
    others = glob.glob(_local(pattern), root_dir=base, recursive=True) if is_folder(pattern) else []
    if others and not any(os.path.isdir(base / other) for other in others):
        return f"{printable(others[0])} is not a regular file: only regular files become rows"
    if others:
        return f"it matches only folders: write '{printable(pattern.rstrip('/'))}/*' for the files in them"
    return "check the pattern, and put it into single quotes"


def _match_local(pattern: str, base: Path) -> Iterator[str]:
    expanded = _local(pattern)
    if os.path.isdir(base / expanded):
        raise ParametersError(f"{_describe(pattern)} is a folder: write '{printable(expanded.rstrip('/'))}/*'")
    for path in glob.iglob(expanded, root_dir=base, recursive=True):
        if os.path.islink(base / path) and not os.path.exists(base / path):
            raise ParametersError(
                f"{_describe(pattern)}: {printable(path)} is a link to a file that does not exist: remove the link"
            )
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
    """Yield the URLs of the objects that match a pattern. Lists only the folder in front of the first wildcard."""
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
