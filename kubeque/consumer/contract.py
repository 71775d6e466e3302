"""What the user's program is told (its arguments and environment) and what it tells back ($KUBEQUE_OUT)."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubeque.files.urls import base_name
from kubeque.model.command import Column, Word
from kubeque.model.shell import shell_script
from kubeque.model.spec import JobSpec

#: $KUBEQUE_OUT may hold so many bytes.
OUT_BYTES = 16 << 10
SHELL = "/bin/sh"

#: Ours, or true of our own working directory only.
_NOT_THEIRS = re.compile(r"KUBEQUE_.*|PWD|OLDPWD|SHLVL|_")
#: On one machine also: what belongs to whoever started the consumers, not to the submitter.
_STARTERS = re.compile(r"PYTHON.*|LD_.*|DYLD_.*|VIRTUAL_ENV.*|CONDA.*|AIRFLOW.*")


def task_argv(spec: JobSpec, row: Mapping[str, str], names: Mapping[str, str]) -> list[str]:
    """The arguments to run for a row.

    `row`: the values by column, `index` among them. `names`: for each `^` word, as rendered for the row, the file's
    name in the working directory.
    """
    if spec.shell:
        return [SHELL, "-c", _script(spec.command, row, names)]
    return [_staged(word, row, names, at) if word.upload else word.render(row) for at, word in enumerate(spec.command)]


def input_names(spec: JobSpec, row: Mapping[str, str]) -> dict[str, str]:
    """For each `^` word, as rendered for the row: the file's name in the working directory."""
    rendered = [word.render(row) for word in spec.command if word.upload]
    return {path: spec.row_inputs[path].name if path in spec.row_inputs else base_name(path) for path in rendered}


def _staged(word: Word, row: Mapping[str, str], names: Mapping[str, str], at: int) -> str:
    name = names[word.render(row)]
    return f"./{name}" if at == 0 else name


def _script(command: tuple[Word, ...], row: Mapping[str, str], names: Mapping[str, str]) -> str:
    parts: list[str | tuple[Column, str]] = []
    for at, word in enumerate(command):
        parts += [" "] if at else []
        if word.upload:  # A file's name can hold anything: it is data as well.
            parts.append((Column(f"file{at}"), _staged(word, row, names, at)))
        else:
            parts += [part if isinstance(part, str) else (part, row[part.name]) for part in word.parts]
    return shell_script(parts)


def task_environment(
    spec: JobSpec,
    row: Mapping[str, str],
    *,
    job_name: str,
    index: int,
    attempt: int,
    out_path: Path,
    base: Mapping[str, str],
) -> dict[str, str]:
    """The environment of a task.

    `base` is the consumer's own: in a pod the image's, which is kept (an image for GPUs needs its LD_LIBRARY_PATH; the
    consumer itself is started without any such variable). On one machine (`spec.local_env`) it is that of whoever
    happened to start the consumers: what belongs to a person there is taken from the submitter instead.
    """
    env = {name: value for name, value in base.items() if not _NOT_THEIRS.fullmatch(name)}
    if spec.local_env:
        env = {name: value for name, value in env.items() if not _STARTERS.fullmatch(name)} | dict(spec.local_env)
    env |= spec.env
    for column in spec.rows.columns:
        env[f"KUBEQUE_PARAM_{parameter_name(column)}"] = row[column]
    return env | {
        "KUBEQUE_JOB_ID": job_name,
        "KUBEQUE_TASK_INDEX": str(index),
        "KUBEQUE_ATTEMPT": str(attempt),
        "KUBEQUE_OUT": str(out_path),
    }


def parameter_name(column: str) -> str:
    """A column as part of a variable's name: `x-scale` is X_SCALE. Two columns may come to one; then the last wins."""
    return re.sub(r"[^A-Z0-9_]", "_", column.upper())


def read_out(path: Path) -> tuple[dict[str, Any] | None, str | None]:
    """The values that a task wrote to $KUBEQUE_OUT, or what is wrong with them. (None, None) where it wrote none.

    NaN and infinities become None, as JSON has none; of a key that stands twice the last counts. Never raises for what
    a task did.
    """
    try:
        data = _read_regular(path, OUT_BYTES)
    except FileNotFoundError:
        return None, None
    except (OSError, ValueError) as error:
        return None, f"$KUBEQUE_OUT was not read: {getattr(error, 'strerror', error)}"
    if not data.strip():
        return None, None
    try:
        values = json.loads(data.decode("utf-8-sig"), parse_constant=lambda _: None)
        if not isinstance(values, dict):
            raise ValueError(f"it holds {_kind(values)}")
        return {_text(key): _scalar(key, value) for key, value in values.items()}, None
    except (ValueError, RecursionError) as error:  # JSON nested a thousand deep is a RecursionError.
        return None, f'$KUBEQUE_OUT is not a flat JSON object, as in {{"loss": 0.5, "label": "a"}}: {error}'


def _read_regular(path: Path, limit: int) -> bytes:
    try:
        # A FIFO must not make us wait, a link not lead us elsewhere.
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ValueError("it is a symbolic link") from error
        raise
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ValueError("it is no regular file")
        data = os.read(fd, limit + 1)
    finally:
        os.close(fd)
    if len(data) > limit:
        raise ValueError(f"it is longer than {limit} bytes: write large results to files")
    return data


def _text(text: str) -> str:
    """`text`, if it can be written anywhere: JSON can hold halves of letters, UTF-8 cannot. Raises ValueError."""
    text.encode()
    return text


def _scalar(key: str, value: object) -> str | int | float | bool | None:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, int):
        return value
    raise ValueError(f"the value of {key!r} is {_kind(value)}")


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list) else "a single value"
