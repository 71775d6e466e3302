"""Checks of the contents that were read from a file of kubeque: JSON, size and digest."""

from __future__ import annotations

import json
from typing import Any

from kubeque.model.errors import FileDamaged


def parse_json(url: str, data: bytes) -> Any:
    """Return the parsed contents of a JSON file. Raises FileDamaged."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FileDamaged(f"cannot read {url}: it is not JSON that kubeque wrote ({error})") from error


def check_content(url: str, found: int, size: int | None, seen: str, digest: str) -> None:
    """Raise FileDamaged if the size (bytes) or the SHA-256 (hex) is wrong.

    `size`, `digest`: the expected values; None or empty for a value that is not checked.
    """
    if size is not None and found != size:
        raise FileDamaged(f"cannot read {url}: it has {found} bytes, not {size}: it was changed or damaged")
    if digest and seen != digest:
        raise FileDamaged(f"cannot read {url}: its SHA-256 is {seen}, not {digest}: it was changed or damaged")
