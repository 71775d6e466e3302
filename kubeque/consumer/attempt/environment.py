"""The environment of the user's program, and the values that it writes to $KUBEQUE_OUT."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubeque.files.regular_file import open_regular
from kubeque.model.job.spec import JobSpec

#: Largest size of $KUBEQUE_OUT, bytes.
OUT_BYTES = 16 << 10

#: Variables that a task has unless its environment sets them. Python writes each line at once, so that `kubeque peek`
#: shows it.
_DEFAULTS = {"PYTHONUNBUFFERED": "1"}


def task_environment(
    spec: JobSpec,
    row: Mapping[str, str],
    *,
    job_name: str,
    index: int,
    attempt: int,
    out_path: Path,
    inherited: Mapping[str, str],
) -> dict[str, str]:
    """Return the environment of a task. `inherited`: what it has of its submitter, or of the image of its pod."""
    env = {**_DEFAULTS, **inherited, **spec.env}
    for column in spec.rows.columns:
        env[f"KUBEQUE_PARAM_{parameter_name(column)}"] = row[column]
    return env | {
        "KUBEQUE_JOB_ID": job_name,
        "KUBEQUE_TASK_INDEX": str(index),
        "KUBEQUE_ATTEMPT": str(attempt),
        "KUBEQUE_OUT": str(out_path),
    }


def parameter_name(column: str) -> str:
    """Return a column as part of a variable's name: `x-scale` is X_SCALE. Of two equal names the last column wins."""
    return re.sub(r"[^A-Z0-9_]", "_", column.upper())


def read_out(path: Path) -> tuple[dict[str, Any] | None, str | None]:
    """Return the values that a task wrote to $KUBEQUE_OUT, and the problem with them; (None, None) if it wrote none.

    NaN and infinities become None, because JSON has none. The last of two equal keys counts. Nothing that a task
    writes raises an error.
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
    with open_regular(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"it is longer than {limit} bytes: write large results to files")
    return data


def _text(text: str) -> str:
    """Return `text` if UTF-8 can hold it: JSON allows lone surrogates. Raises ValueError."""
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
