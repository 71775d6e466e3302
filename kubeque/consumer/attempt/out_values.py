"""The values that the user's program writes to $KUBEQUE_OUT."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from kubeque.files.regular_file import open_regular

#: Largest size of $KUBEQUE_OUT, bytes.
OUT_BYTES = 16 << 10


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
