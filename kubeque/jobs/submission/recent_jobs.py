"""The names of the jobs that this user submitted with this home folder, newest first.

`$KUBEQUE_HOME/submissions` has one line of JSON for each submission. A submission succeeds even if the line cannot be
written.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

from kubeque.clusters.home_folder import open_private

#: Size in bytes above which the file is shortened, and the number of newest lines that remain.
_BYTES, _LINES = 1 << 16, 200


def note_submission(home: Path, queue_url: str, name: str) -> None:
    """Append a job to the list of submissions. Ignore errors of the file system, because the job exists already."""
    path = _path(home)
    line = json.dumps({"queue": _key(queue_url), "job": name}) + "\n"
    with suppress(OSError):
        with open(path, "ab", buffering=0, opener=open_private) as file:
            file.write(line.encode())  # one write, so that lines of concurrent submissions are not mixed
        if path.stat().st_size > _BYTES:
            _shorten(path)


def recent_names(home: Path, queue_url: str) -> list[str]:
    """Return the names of the jobs submitted to a queue, each once, newest first. Some jobs may have been removed."""
    try:
        lines = _path(home).read_bytes().splitlines()
    except OSError:
        return []
    names: dict[str, None] = {}
    for line in reversed(lines):
        with suppress(ValueError, KeyError, TypeError):  # a damaged line
            found = json.loads(line)
            if found["queue"] == _key(queue_url) and isinstance(found["job"], str):
                names.setdefault(found["job"])
    return list(names)


def _path(home: Path) -> Path:
    return home / "submissions"


def _key(queue_url: str) -> str:
    """Return a digest that identifies a queue without its login."""
    return hashlib.sha256(queue_url.encode()).hexdigest()[:16]


def _shorten(path: Path) -> None:
    newest = path.read_bytes().splitlines(keepends=True)[-_LINES:]
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with open(partial, "xb", opener=open_private) as file:
        file.writelines(newest)
    os.replace(partial, path)
