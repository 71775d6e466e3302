"""Check the contents of a file that kubeque has stored: JSON, size and digest."""

from __future__ import annotations

import json
from typing import Any

from kubeque.model.errors import FileDamaged

#: Largest number of levels to which lists and objects of a JSON file may be nested. kubeque writes about ten levels.
LEVELS = 64


def parse_json(url: str, data: bytes, *, trusted: bool = False) -> Any:
    """Return the parsed contents of a JSON file. `url`: URL of the file, for messages. `data`: its contents.

    `trusted`: True if the digest of the file was checked; lists and objects may then be nested to any depth. Raises
    FileDamaged if the contents are not JSON, or if they are not trusted and are nested to more than LEVELS levels.
    """
    try:
        found = json.loads(data)
        if not trusted and data.count(b"[") + data.count(b"{") > LEVELS and _is_deeper(found, LEVELS):
            raise ValueError(f"it has more than {LEVELS} levels")
        return found
    except (ValueError, RecursionError) as error:
        raise FileDamaged(f"cannot read {url}: it is not JSON that kubeque wrote ({error})") from error


def _is_deeper(value: Any, levels: int) -> bool:
    """True if the lists and objects of parsed JSON are nested to more than `levels` levels."""
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
    """Raise FileDamaged if a file does not have the expected size (bytes) or SHA-256 (hex). `url`: URL, for messages.

    `found`, `seen`: size and SHA-256 of the file. `size`, `digest`: expected values; None or empty: not checked.
    """
    if size is not None and found != size:
        # A reader stops one byte after the expected end. So if it has read one byte too many, the real size is unknown.
        has = f"more than {size} bytes" if found == size + 1 else f"{found} bytes, not {size}"
        raise FileDamaged(f"cannot read {url}: the file has {has} and was changed or damaged")
    if digest and seen != digest:
        raise FileDamaged(f"cannot read {url}: the SHA-256 is {seen}, not {digest}; the file was changed or damaged")
