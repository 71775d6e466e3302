"""Checks of the contents that were read from a file of kubeque: JSON, size and digest."""

from __future__ import annotations

import json
from typing import Any

from kubeque.model.errors import FileDamaged

#: Largest number of levels of objects and lists in a JSON file. kubeque writes about ten.
LEVELS = 64


def parse_json(url: str, data: bytes, *, trusted: bool = False) -> Any:
    """Return the parsed contents of a JSON file.

    Raises FileDamaged if the data is not JSON, or if its lists and objects are nested in more than LEVELS levels.

    `trusted`: True if the digest of the file was checked; its levels are then not counted.
    """
    try:
        found = json.loads(data)
        if not trusted and data.count(b"[") + data.count(b"{") > LEVELS and _is_deeper(found, LEVELS):
            raise ValueError(f"it has more than {LEVELS} levels")
        return found
    except (ValueError, RecursionError) as error:
        raise FileDamaged(f"cannot read {url}: it is not JSON that kubeque wrote ({error})") from error


def _is_deeper(value: Any, levels: int) -> bool:
    """True if objects and lists of a parsed JSON file are nested in more than `levels` levels."""
    level = [value]
    for _ in range(levels):
        level = [
            item
            for part in level
            for item in (part.values() if isinstance(part, dict) else part)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True


def check_content(url: str, found: int, size: int | None, seen: str, digest: str) -> None:
    """Raise FileDamaged if the size (bytes) or the SHA-256 (hex) is wrong.

    `size`, `digest`: the expected values; None or empty for a value that is not checked.
    """
    if size is not None and found != size:
        # A reader stops one byte after the expected end, so the actual size is unknown then.
        has = f"more than {size} bytes" if found == size + 1 else f"{found} bytes, not {size}"
        raise FileDamaged(f"cannot read {url}: the file has {has} and was changed or damaged")
    if digest and seen != digest:
        raise FileDamaged(f"cannot read {url}: the SHA-256 is {seen}, not {digest}; the file was changed or damaged")
