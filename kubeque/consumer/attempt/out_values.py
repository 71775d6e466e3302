"""The values that the user's program writes to $KUBEQUE_OUT."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from kubeque.files.regular_file import open_regular
from kubeque.model.text import VALUE_CHARACTERS, cut

#: Largest size of the values of a task as JSON, bytes. If their JSON is larger, the longest values are not kept.
OUT_BYTES = 16 << 10
#: Largest size of the values of a task in the queue as JSON, bytes. result.json has all values that are kept.
QUEUE_BYTES = 1 << 10
#: Largest file $KUBEQUE_OUT that is read, bytes.
_FILE_BYTES = 1 << 20
#: Maximum number of refused values that a message names.
_NAMED = 3
_REMEDY = "write large results to files"


def read_out(path: Path) -> tuple[dict[str, Any] | None, str | None]:
    """Return the values that a task wrote to $KUBEQUE_OUT, and a message about a problem with these values.

    The values are None if the task wrote none. The message is None without a problem. NaN and infinities become None,
    because JSON does not have them. If a key occurs twice, the last value counts. A value that cannot be kept is
    left out, and the other values are returned. No content of the file raises an error.
    """
    try:
        data = _read_regular(path, _FILE_BYTES)
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
    except (ValueError, RecursionError) as error:  # RecursionError: JSON nested a thousand deep
        return None, f'$KUBEQUE_OUT is not a flat JSON object, for example {{"loss": 0.5, "label": "a"}}: {error}'
    return _usable(values)


def split_for_queue(out: dict[str, Any] | None) -> tuple[dict[str, Any] | None, dict[str, Any], str]:
    """Return three parts: all values, the shortest values, and a message about the values that are left out.

    If all values fit into the queue, the first part contains them, and the other parts are empty. Otherwise the first
    part is {}, and the second part contains as many of the shortest values as fit into the queue.
    """
    if out is None or _json_bytes(out) <= QUEUE_BYTES:
        return out, {}, ""
    short = _shortest(out, QUEUE_BYTES)
    return {}, short, f"{_name(out, short)} too long for this table: `kubeque collect` writes all values"


def _usable(values: dict[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
    """Return the values that can be kept, and a message about the values that cannot be kept.

    If all values can be kept, the message is None. If no value can be kept, the values are None.
    """
    kept: dict[str, Any] = {}
    refused: list[str] = []
    for key, value in values.items():
        try:
            kept[_text(key)] = _scalar(key, value)
        except ValueError as error:
            refused.append(str(error))
    problems = [_describe_refused(refused)] if refused else []
    short = _shortest(kept, OUT_BYTES)
    if len(short) < len(kept):
        problems.append(f"is longer than {OUT_BYTES} bytes: {_name(kept, short)} left out: {_REMEDY}")
    return short or None if problems else short, f"$KUBEQUE_OUT {'; it '.join(problems)}" if problems else None


def _describe_refused(refused: Sequence[str]) -> str:
    """Return the end of a sentence with the reasons why values are not kept. `refused`: one reason for each value.

    At most _NAMED reasons are listed.
    """
    what = "a value that is" if len(refused) == 1 else f"{len(refused)} values that are"
    more = f", and {len(refused) - _NAMED} more" if len(refused) > _NAMED else ""
    return f"has {what} not kept: {', '.join(refused[:_NAMED])}{more}"


def _shortest(values: dict[str, Any], limit: int) -> dict[str, Any]:
    """Return as many of the shortest values as fit into `limit` bytes of JSON, in their original order."""
    if _json_bytes(values) <= limit:
        return values
    sizes = {key: _json_bytes({key: value}) for key, value in values.items()}
    ends = accumulate(sorted(sizes.values()))
    count = sum(end <= limit for end in ends)
    kept = set(sorted(sizes, key=sizes.__getitem__)[:count])
    return {key: value for key, value in values.items() if key in kept}


def _json_bytes(values: dict[str, Any]) -> int:
    return len(json.dumps(values))


def _name(values: dict[str, Any], kept: dict[str, Any]) -> str:
    """Return the start of a sentence about the values that are not in `kept`.

    It has the name of the first such value, the number of further ones, and the verb "is" or "are".
    """
    left_out = [key for key in values if key not in kept]
    others = len(left_out) - 1
    name = cut(repr(left_out[0]), VALUE_CHARACTERS)
    return f"{name} and {others} more are" if others else f"{name} is"


def _read_regular(path: Path, limit: int) -> bytes:
    with open_regular(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"it is longer than {limit} bytes: {_REMEDY}")
    return data


def _text(text: str) -> str:
    """Return `text`. Raises ValueError if `text` has lone surrogates, which JSON allows, but UTF-8 does not."""
    text.encode()
    return text


def _scalar(key: str, value: object) -> str | int | float | bool | None:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, int):
        return value
    raise ValueError(f"the value of {cut(repr(key), VALUE_CHARACTERS)} is {_kind(value)}")


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list) else "a single value"
